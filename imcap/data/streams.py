"""tf.data around NumPy functions."""

import numpy as np
import tensorflow as tf


def batch_stream(steps, function, example, workers=2):
    """Maps a NumPy function over numbers, in parallel and in order.

    Args:
        steps: `tf.data.Dataset` of int64 scalars.
        function: of an int to a nested structure of arrays.
        example: such a structure: dtypes and ranks are taken from it; of
            the sizes, only the last of rank 3 and above is fixed.
        workers: int, calls at the same time.

    Returns:
        `tf.data.Dataset` of such structures, prefetched.
    """
    flat = [np.asarray(part) for part in tf.nest.flatten(example)]

    def load(step):
        parts = tf.numpy_function(
            lambda number: [
                np.asarray(part)
                for part in tf.nest.flatten(function(int(number)))
            ],
            [step],
            [part.dtype for part in flat],
        )
        for part, known in zip(parts, flat, strict=True):
            part.set_shape(_loose(known.shape))
        return tf.nest.pack_sequence_as(example, parts)

    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    loaded = steps.map(load, num_parallel_calls=workers)
    return loaded.prefetch(2 * workers).with_options(options)


def _loose(shape):
    """The shape with sizes unknown that may differ between batches."""
    if len(shape) < 3:
        return (None,) * len(shape)
    if len(shape) == 3:
        return (None, None, shape[2])
    return (None, *shape[1:])

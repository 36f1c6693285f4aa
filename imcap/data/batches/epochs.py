"""Epochs of batches that are pure functions of seed and step number.

Because batch number s depends on nothing but the seed and s, batches may be
made in parallel and an interrupted run goes on with exactly the batches that
an uninterrupted one would have seen.
"""

import functools

import numpy as np
import tensorflow as tf


class Epochs:
    """Goes over `captions` once an epoch, in random order.

    A subclass makes batch number `step`, counted over epochs, in
    `batch(step)`.

    Attributes:
        captions: what has a length, the number of examples.
        batch_size: int.
        seed: int.
    """

    @property
    def steps(self):
        """Batches an epoch; the last may be smaller."""
        return -(-len(self.captions) // self.batch_size)

    @functools.lru_cache(maxsize=2)  # noqa: B019 - lives as long as a run
    def order(self, epoch):
        """The examples of an epoch, shuffled: int array."""
        rng = np.random.default_rng([self.seed, epoch])
        return rng.permutation(len(self.captions))

    def rows(self, step):
        """Which examples batch number `step` holds."""
        epoch, batch = divmod(int(step), self.steps)
        start = batch * self.batch_size
        return self.order(epoch)[start : start + self.batch_size]

    def batch(self, step):
        """Batch number `step`."""
        raise TypeError(f"{type(self).__name__} lacks batch")

    def __getitem__(self, step):
        return self.batch(step)

    def dataset(self, first_step=0, last_step=None, workers=2):
        """A `tf.data.Dataset` of batches, made in parallel, prefetched.

        Args:
            first_step: int, where to begin, counted over epochs.
            last_step: int, where to end; None goes on for ever.
            workers: int, batches made at the same time.
        """
        import tensorflow as tf

        last_step = np.iinfo(np.int64).max if last_step is None else last_step
        steps = tf.data.Dataset.range(first_step, last_step)
        return batch_stream(steps, self.batch, self.batch(0), workers)


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

"""Epochs of batches that are pure functions of seed and step number.

Because batch number s depends on nothing but the seed and s, batches may be
made in parallel and an interrupted run goes on with exactly the batches that
an uninterrupted one would have seen.
"""

import functools
from collections.abc import Callable, Sequence, Sized
from typing import Any

import numpy as np
import tensorflow as tf

# Of image ids to the arrays that a model takes.
ReadInputs = Callable[[Sequence[int | str]], dict[str, np.ndarray]]


class Epochs:
    """Base of batch generators: shuffled epochs, batches by step number.

    A subclass makes batch number `step`, counted over epochs, in
    `batch(step)`.

    Attributes:
        captions: what has a length, the number of examples.
        batch_size: int.
        seed: int.
    """

    captions: Sized
    batch_size: int
    seed: int

    @property
    def steps(self) -> int:
        """Steps an epoch; the last batch may be smaller."""
        return -(-len(self.captions) // self.batch_size)

    @functools.lru_cache(maxsize=2)  # noqa: B019 - lives as long as a run
    def order(self, epoch: int) -> np.ndarray:
        """The shuffled order of an epoch's examples: int array."""
        rng = np.random.default_rng([self.seed, epoch])
        return rng.permutation(len(self.captions))

    def rows(self, step: int) -> np.ndarray:
        """Indices of the examples in batch number `step`."""
        epoch, batch = divmod(int(step), self.steps)
        start = batch * self.batch_size
        return self.order(epoch)[start : start + self.batch_size]

    def batch(self, step: int) -> Any:
        """Batch number `step`."""
        raise TypeError(f"{type(self).__name__} lacks batch")

    def __getitem__(self, step: int) -> Any:
        return self.batch(step)

    def dataset(
        self,
        first_step: int = 0,
        last_step: int | None = None,
        workers: int = 2,
    ) -> tf.data.Dataset:
        """A `tf.data.Dataset` of batches, made in parallel, prefetched.

        Args:
            first_step: int, where to begin, counted over epochs.
            last_step: int, where to end; None goes on for ever.
            workers: int, batches made at the same time.
        """
        last_step = np.iinfo(np.int64).max if last_step is None else last_step
        steps = tf.data.Dataset.range(first_step, last_step)
        return batch_stream(steps, self.batch, self.batch(0), workers)


def batch_stream(
    steps: tf.data.Dataset,
    function: Callable[[int], Any],
    example: Any,
    workers: int = 2,
) -> tf.data.Dataset:
    """A `tf.data` pipeline of a NumPy function, in parallel and in order.

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


def _loose(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """The shape with sizes unknown that may differ between batches."""
    if len(shape) < 3:
        return (None,) * len(shape)
    if len(shape) == 3:
        return (None, None, shape[2])
    return (None, *shape[1:])

"""Epochs of batches that are pure functions of seed and step number.

Because batch number s depends on nothing but the seed and s, batches may be
made in parallel and an interrupted run goes on with exactly the batches that
an uninterrupted one would have seen.
"""

import functools

import numpy as np


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

        from imcap.data.streams import batch_stream

        last_step = np.iinfo(np.int64).max if last_step is None else last_step
        steps = tf.data.Dataset.range(first_step, last_step)
        return batch_stream(steps, self.batch, self.batch(0), workers)

"""Batches of images with one caption each, for training by comparison."""

import dataclasses
import functools

import numpy as np

from imcap.data.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class PairBatches:
    """Captions in random order, each with its image.

    Every caption is seen once an epoch. A batch depends on nothing but seed
    and step, so an interrupted run goes on with what it would have seen.

    Args:
        pairs: `MatchingSet`, for ids and which caption is of which image.
        captions: `TokenRows` of its M captions.
        read: function of a list of image ids to a dict of arrays that begin
            with the images: features (B, K, D), perhaps mask (B, K).
        batch_size: int, captions a batch.
        seed: int.
        pad_to: int, captions are padded to a multiple of this, which bounds
            the number of shapes a compiler sees.

    Example:
        >>> batches = PairBatches(pairs, pairs.encode(vocabulary), read)
        >>> model.fit(batches.dataset(), steps_per_epoch=batches.steps)
    """

    pairs: object
    captions: object
    read: object
    batch_size: int = 128
    seed: int = 0
    pad_to: int = 1

    def __post_init__(self):
        if self.batch_size < 2:
            raise InputError(
                "--batch_size must be at least 2: the other captions of a "
                "batch are what a pair is compared with"
            )

    @property
    def steps(self):
        """Batches an epoch; the last may be smaller."""
        return -(-len(self.captions) // self.batch_size)

    @functools.lru_cache(maxsize=2)  # noqa: B019 - lives as long as a run
    def order(self, epoch):
        """The captions of an epoch (M,), shuffled."""
        rng = np.random.default_rng([self.seed, epoch])
        return rng.permutation(len(self.captions))

    def batch(self, step):
        """Batch number `step`, counted over epochs.

        Returns:
            inputs: dict of tokens int32 (B, T) and what `read` gives.
            images: int32 (B,), equal where captions are of one image.
        """
        epoch, number = divmod(int(step), self.steps)
        first = number * self.batch_size
        chosen = self.order(epoch)[first : first + self.batch_size]
        images = self.pairs.image_of[chosen]
        ids = [self.pairs.image_ids[image] for image in images]
        inputs = dict(self.read(ids))
        inputs["tokens"] = self.captions.dense(chosen, self.pad_to)
        return inputs, images.astype("int32")

    def __getitem__(self, step):
        return self.batch(step)

    def dataset(self, first_step=0, last_step=None, workers=2):
        """A `tf.data.Dataset` of batches; see `CaptionBatches.dataset`."""
        import tensorflow as tf

        from imcap.data.streams import batch_stream

        last_step = np.iinfo(np.int64).max if last_step is None else last_step
        steps = tf.data.Dataset.range(first_step, last_step)
        return batch_stream(steps, self.batch, self.batch(0), workers)

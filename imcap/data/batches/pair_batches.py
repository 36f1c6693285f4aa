"""Batches of images with one caption each, for training by comparison."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from imcap.data.batches.epochs import Epochs, ReadInputs
from imcap.data.pairs.matching_set import MatchingSet, TokenRows
from imcap.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class PairBatches(Epochs):
    """Training batches of matching: captions, each with its image.

    Captions come in random order, every one once an epoch.

    Args:
        pairs: `MatchingSet`, for ids and which caption is of which image.
        captions: `TokenRows` of its M captions.
        read: function of a list of image ids to a dict of arrays that begin
            with the images: features (B, K, D), perhaps mask (B, K).
        batch_size: int, captions a batch.
        seed: int.
        pad_to: int, captions are padded to a multiple of this, which bounds
            the number of shapes a compiler sees.
        augmented: function of image ids and a numpy generator, used in
            place of `read` where there is one; see `AugmentedFeatures`.

    Example:
        >>> batches = PairBatches(pairs, pairs.encode(vocabulary), read)
        >>> model.fit(batches.dataset(), steps_per_epoch=batches.steps)
    """

    pairs: MatchingSet
    captions: TokenRows
    read: ReadInputs
    batch_size: int = 128
    seed: int = 0
    pad_to: int = 1
    augmented: (
        Callable[
            [Sequence[int | str], np.random.Generator], dict[str, np.ndarray]
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise InputError(
                "--batch_size must be at least 2: the other captions of a "
                "batch are what a pair is compared with"
            )

    def batch(self, step: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Batch number `step`, counted over epochs.

        Returns:
            inputs: dict of tokens int32 (B, T) and what `read` gives.
            images: int32 (B,), equal where captions are of one image.
        """
        chosen = self.rows(step)
        images = self.pairs.image_of[chosen]
        ids = [self.pairs.image_ids[image] for image in images]
        if self.augmented is None:
            inputs = dict(self.read(ids))
        else:
            rng = np.random.default_rng([self.seed, 1, int(step)])
            inputs = dict(self.augmented(ids, rng))
        inputs["tokens"] = self.captions.dense(chosen, self.pad_to)
        return inputs, images.astype("int32")

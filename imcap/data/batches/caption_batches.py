"""Batches of pictures with some of their captions, for training."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from imcap.data.batches.epochs import Epochs, ReadInputs
from imcap.data.captions.caption_set import EncodedCaptions
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionBatches(Epochs):
    """Training batches of a captioner: pictures with N captions each, packed.

    Args:
        captions: `EncodedCaptions` of B_all images.
        read: function of a list of image ids to a dict of arrays that begin
            with the images, for example features (B, K, D) and mask (B, K),
            or images (B, H, W, 3).
        vocabulary: `Vocabulary`, for bos, eos and pad.
        max_length: int, words a caption; longer ones are cut. T is one more.
        batch_size: int, images a batch.
        captions_per_image: int N: consecutive captions from a random start,
            or drawn with replacement where an image has fewer.
        reduction: "token", each word of the batch weighs 1 / words, or
            "caption", 1 / captions.
        seed: int.
        pad_to: int; packed words W are rounded up to multiples of it (and M
            to an eighth), which bounds the number of shapes a compiler sees.
        packed: bool, leave padding out (slots and words); otherwise targets
            are (B, N, T).
        references: bool, whether inputs hold all captions of each image too,
            (B, R, T) with R the most of any image: each with its eos, which
            one of `max_length` words or more has no room for.
        augmented: function of image ids and a numpy generator, used in
            place of `read`, that gives pictures as they may also look.

    Example:
        >>> batches = CaptionBatches(captions, read, vocabulary)
        >>> model.fit(batches.dataset(), steps_per_epoch=batches.steps)
    """

    captions: EncodedCaptions
    read: ReadInputs
    vocabulary: Vocabulary
    max_length: int = 16
    batch_size: int = 10
    captions_per_image: int = 5
    reduction: str = "token"
    seed: int = 0
    pad_to: int = 1
    packed: bool = True
    references: bool = False
    augmented: (
        Callable[
            [Sequence[int | str], np.random.Generator], dict[str, np.ndarray]
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if not len(self.captions):
            raise InputError("there are no training images with captions")
        if self.reduction not in ("token", "caption"):
            raise ValueError(f"unknown reduction {self.reduction!r}")
        if self.batch_size < 1 or self.captions_per_image < 1:
            raise InputError("batch_size and seq_per_img must be at least 1")

    def batch(
        self, step: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Batch number `step`: inputs (dict), targets and weights."""
        rows = self.rows(step)
        rng = np.random.default_rng([self.seed, 1, int(step)])
        captions = [self._sample_captions(row, rng) for row in rows]
        image_ids = [self.captions.image_ids[row] for row in rows]
        if self.augmented is None:
            inputs = dict(self.read(image_ids))
        else:
            inputs = dict(self.augmented(image_ids, rng))
        tokens, targets, lengths = self._rectangles(captions)
        inputs["tokens"] = tokens
        if self.references:
            inputs["references"] = self._references(rows)
        real = np.arange(targets.shape[2]) < lengths[..., None]  # (B, N, T)
        total = real.sum() if self.reduction == "token" else lengths.size
        if not self.packed:
            return inputs, targets, (real / total).astype("float32")
        slots, words, count = self._packing(real)
        inputs["slots"], inputs["words"] = slots, words
        flat = targets.reshape(len(rows), -1)
        targets = np.take_along_axis(flat, slots, axis=1).ravel()[words]
        weights = (np.arange(len(words)) < count) / total
        return inputs, targets, weights.astype("float32")

    def _sample_captions(
        self, row: int, rng: np.random.Generator
    ) -> list[np.ndarray]:
        captions = self.captions.captions[row]
        wanted = self.captions_per_image
        if len(captions) < wanted:
            chosen = rng.integers(len(captions), size=wanted).tolist()
        else:
            start = int(rng.integers(len(captions) - wanted + 1))
            chosen = list(range(start, start + wanted))
        return [captions[index][: self.max_length] for index in chosen]

    @functools.cached_property
    def _most_captions(self) -> int:
        return max(len(of_image) for of_image in self.captions.captions)

    def _references(self, rows: np.ndarray) -> np.ndarray:
        """All captions of the images `rows`: (B, R, T) int32."""
        shape = (len(rows), self._most_captions, self.max_length + 1)
        references = np.full(shape, self.vocabulary.pad_id, "int32")
        for image, row in enumerate(rows):
            for number, ids in enumerate(self.captions.captions[row]):
                kept = ids[: self.max_length]
                references[image, number, : len(kept)] = kept
                if len(kept) < self.max_length:
                    end = self.vocabulary.eos_id
                    references[image, number, len(kept)] = end
        return references

    def _rectangles(
        self, captions: list[list[np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokens and targets (B, N, T) int32, lengths with eos (B, N)."""
        shape = (len(captions), self.captions_per_image, self.max_length + 1)
        tokens = np.full(shape, self.vocabulary.pad_id, "int32")
        targets = np.full(shape, self.vocabulary.pad_id, "int32")
        lengths = np.zeros(shape[:2], "int32")
        tokens[:, :, 0] = self.vocabulary.bos_id
        for image, of_image in enumerate(captions):
            for number, ids in enumerate(of_image):
                tokens[image, number, 1 : len(ids) + 1] = ids
                targets[image, number, : len(ids)] = ids
                targets[image, number, len(ids)] = self.vocabulary.eos_id
                lengths[image, number] = len(ids) + 1
        return tokens, targets, lengths

    def _packing(self, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Slots (B, M), words (W,) and how many of them are real words."""
        real = real.reshape(len(real), -1)  # (B, N·T)
        counts = real.sum(axis=1)
        width = _round_up(counts.max(), max(1, self.pad_to // 8))
        width = min(width, real.shape[1])
        # Stable: real words first, in order.
        slots = np.argsort(~real, axis=1, kind="stable")[:, :width]
        words = np.flatnonzero(np.arange(width) < counts[:, None])
        padding = _round_up(len(words), self.pad_to) - len(words)
        packed = np.pad(words, (0, padding))
        return slots.astype("int32"), packed.astype("int32"), len(words)


def _round_up(count: int, multiple: int) -> int:
    return -(-int(count) // multiple) * multiple

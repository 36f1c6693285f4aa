"""Captions of many images, as words and as numbers."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from imcap.data.captions.splits import NO_SPLITS, SPLITS
from imcap.data.pictures.listing import picture_paths
from imcap.data.words.vocabulary import Vocabulary
from imcap.files import StrPath

COLUMNS = (
    "image_ids", "files", "splits", "tokens", "raw", "sizes", "places"
)  # fmt: skip
NO_VALIDATION = (
    "no pictures for validation: the training loss decides which epoch is best"
)


@dataclasses.dataclass(frozen=True)
class CaptionSet:
    """Images with their captions; every list has one entry per image.

    Args:
        image_ids: list of int where the source numbers its images (cocoid,
            else imgid), otherwise of str: the file name without its ending.
        files: list of str, paths relative to the folder of pictures.
        splits: list of str out of `SPLITS`.
        tokens: list (images) of lists (captions) of lists of str (words).
        raw: list of lists of str, the captions as written; None where the
            source has only words.
        sizes: list of (width, height) in pixels, or None.
        notes: tuple of str, what was left out on reading, with counts.
        vocabulary: the `Vocabulary` that numbered the words, where the
            source holds ids instead of text; None elsewhere.
        drawn: bool, whether the source has no splits, so that they were
            drawn by hashes of the ids.
        places: list of `Path`, where pictures are that the source holds, in
            an archive too (see `imcap.data.archives.places`), with None for
            others; None where it holds none.

    Example:
        >>> captions = read_captions("dataset_flickr8k.json")
        >>> training = captions.split("train", "restval")
    """

    image_ids: list[int | str]
    files: list[str]
    splits: list[str]
    tokens: list[list[list[str]]]
    raw: list[list[str]] | None = None
    sizes: list[tuple[int, int]] | None = None
    notes: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None
    drawn: bool = False
    places: list[Path | None] | None = None

    def __post_init__(self) -> None:
        for name in COLUMNS[1:]:
            column = getattr(self, name)
            if column is not None and len(column) != len(self.image_ids):
                raise ValueError(
                    f"{len(column)} {name} for {len(self.image_ids)} images"
                )
        unknown = sorted(set(self.splits) - set(SPLITS))
        if unknown:
            raise ValueError(f"unknown split {unknown[0]!r}; know {SPLITS}")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.image_ids)

    @property
    def caption_count(self) -> int:
        """Number of captions."""
        return sum(map(len, self.tokens))

    @property
    def labelled(self) -> bool:
        """Whether any image has captions."""
        return any(self.tokens)

    def _rows(self, rows: Iterable[int]) -> "CaptionSet":
        columns = {}
        for name in COLUMNS:
            column = getattr(self, name)
            if column is not None:
                column = [column[row] for row in rows]
            columns[name] = column
        return dataclasses.replace(self, **columns)

    def picture_paths(self, folder: StrPath | None = None) -> list[Path]:
        """Where the pictures are: in a folder, else in the source itself.

        Args:
            folder: that `files` start from; what lies in it counts before
                what the source holds.
        """
        return picture_paths(folder, self.files, self.places)

    def with_notes(self, notes: Iterable[str]) -> "CaptionSet":
        """The same, with further notes before its own."""
        return dataclasses.replace(self, notes=(*notes, *self.notes))

    def split(self, *names: str) -> "CaptionSet":
        """The images of these splits, in order.

        `restval` (training images that COCO counts to its validation set)
        belongs to training only when named: split("train", "restval").
        """
        unknown = sorted(set(names) - set(SPLITS))
        if unknown:
            raise ValueError(f"unknown split {unknown[0]!r}; know {SPLITS}")
        return self._rows([i for i, s in enumerate(self.splits) if s in names])

    def to_score(
        self, *names: str, same_file: bool
    ) -> tuple["CaptionSet", str | None]:
        """The images to score where these splits are asked for.

        A file without splits that another one was trained on is scored
        whole; of the training's own file, the splits stand that were drawn.

        Args:
            *names: the splits.
            same_file: whether the captions are those of the training.

        Returns:
            The images, and a line about a file without splits, or None.
        """
        if not self.drawn:
            return self.split(*names), None
        if not same_file:
            return self, f"{NO_SPLITS}: all {len(self)} pictures"
        chosen = self.split(*names)
        return chosen, (
            f"{NO_SPLITS}: {len(chosen)} of {len(self)} pictures "
            f"were drawn for {names[0]}, as in the training"
        )

    def filter(self, keep_ids: Iterable[int | str]) -> "CaptionSet":
        """The images whose id is in `keep_ids`, in order."""
        keep_ids = set(keep_ids)
        return self._rows(
            [i for i, key in enumerate(self.image_ids) if key in keep_ids]
        )

    def encode(
        self, vocabulary: Vocabulary, max_length: int | None
    ) -> "EncodedCaptions":
        """Tokens to ids, cut off behind `max_length` words.

        Args:
            vocabulary: a `Vocabulary`.
            max_length: int, or None to keep every word.

        Returns:
            `EncodedCaptions`, without bos and eos.
        """
        return EncodedCaptions(
            list(self.image_ids),
            [
                [
                    np.array(vocabulary.encode(words[:max_length]), "int32")
                    for words in captions
                ]
                for captions in self.tokens
            ],
            vocabulary.pad_id,
        )


@dataclasses.dataclass(frozen=True)
class EncodedCaptions:
    """Captions as token ids, ragged.

    Args:
        image_ids: list, one per image (N).
        captions: list (N) of lists of int32 arrays (length,), without bos,
            eos and padding.
        pad_id: int, what dense arrays are filled with.
    """

    image_ids: list[int | str]
    captions: list[list[np.ndarray]]
    pad_id: int = 0

    def __len__(self) -> int:
        """Number of images N."""
        return len(self.captions)

    def flat(self) -> list[np.ndarray]:
        """All M captions in order, as a list of int32 arrays."""
        return [ids for captions in self.captions for ids in captions]

    def lengths(self) -> np.ndarray:
        """int32 (M,), words per caption."""
        return np.array([len(ids) for ids in self.flat()], "int32")

    def starts(self) -> np.ndarray:
        """int64 (N + 1,): image i owns captions starts[i]:starts[i + 1]."""
        counts = [0] + [len(captions) for captions in self.captions]
        return np.cumsum(np.array(counts, "int64"))

    def dense(self, length: int | None = None) -> np.ndarray:
        """A padded matrix, one row per caption.

        Args:
            length: int, columns; None: as many as the longest caption.

        Returns:
            int32 (M, length), padded with `pad_id`; longer captions are
            cut off.
        """
        flat = self.flat()
        if length is None:
            length = max(map(len, flat), default=0)
        rows = np.full((len(flat), length), self.pad_id, "int32")
        for row, ids in zip(rows, flat, strict=True):
            row[: len(ids)] = ids[:length]
        return rows

    def dense_by_image(
        self, count: int, length: int | None = None
    ) -> np.ndarray:
        """`count` captions of each image, for images of unequal number.

        Args:
            count: int n; an image with fewer captions repeats them in
                order, one with more gives its first n.
            length: as in `dense`.

        Returns:
            int32 (N, n, length).
        """
        rows = self.dense(length)
        starts = self.starts()
        owned = np.diff(starts)
        if len(self) and owned.min() == 0:
            raise ValueError("an image without captions cannot fill a row")
        picked = np.arange(count)[None, :] % np.maximum(owned, 1)[:, None]
        return rows[starts[:-1, None] + picked]  # (N, n, length)

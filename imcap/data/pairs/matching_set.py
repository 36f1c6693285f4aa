"""Images and the captions that say what is in them, as pairs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from imcap.data.captions.caption_set import CaptionSet
from imcap.data.features.store import FeatureStore
from imcap.data.ids import show_ids
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class MatchingSet:
    """Image-caption pairs: N images, M captions and whose each is.

    Args:
        name: str, where it comes from, for messages.
        store: `FeatureStore` of the images.
        image_ids: list (N), ids in the store.
        image_of: int64 (M,), the image that each caption is of.
        tokens: list (M) of lists of str.
        files: list (N) of str, names of pictures; None where unknown.
        places: list (N), where pictures are, as a `CaptionSet` has them.

    Raises:
        InputError: a caption of an image that is not there, an image
            without captions or features.

    Example:
        >>> pairs = open_precomp("data/f30k_precomp", "dev")
        >>> pairs.encode(vocabulary).dense([0, 1]).shape
        (2, 19)
    """

    name: str
    store: FeatureStore
    image_ids: list[int | str]
    image_of: np.ndarray
    tokens: list[list[str]]
    files: list[str] | None = None
    places: list[Path | None] | None = None

    def __post_init__(self) -> None:
        owners = np.asarray(self.image_of, "int64")
        object.__setattr__(self, "image_of", owners)
        if len(owners) != len(self.tokens):
            raise ValueError(f"{len(owners)} owners of {len(self.tokens)}")
        count = len(self)
        outside = np.flatnonzero((owners < 0) | (owners >= count))
        if len(outside):
            number = int(outside[0])
            raise InputError(
                f"{self.name}: caption {number + 1} is of image "
                f"{owners[number]}, but there are {count}; captions and "
                "features do not belong together"
            )
        silent = np.flatnonzero(np.bincount(owners, minlength=count) == 0)
        if len(silent):
            raise InputError(
                f"{self.name}: image {self.image_ids[silent[0]]!r} has no "
                "caption; leave it out, or add one"
            )
        for image_id in self.image_ids:
            self.store.row_of(image_id)

    def __len__(self) -> int:
        """Number of images N."""
        return len(self.image_ids)

    @property
    def caption_count(self) -> int:
        """Number of captions M."""
        return len(self.tokens)

    def encode(self, vocabulary: Vocabulary) -> "TokenRows":
        """The captions as `TokenRows`, with bos before and eos behind."""
        return TokenRows.encode(self.tokens, vocabulary)

    def part(self, first: int, last: int) -> "MatchingSet":
        """The images first … last - 1 with their captions."""
        kept = np.flatnonzero((self.image_of >= first) & (self.image_of < last))
        return dataclasses.replace(
            self,
            image_ids=self.image_ids[first:last],
            image_of=self.image_of[kept] - first,
            tokens=[self.tokens[row] for row in kept],
            files=self.files and self.files[first:last],
            places=self.places and self.places[first:last],
        )

    @classmethod
    def from_captions(
        cls, captions: CaptionSet, store: FeatureStore, name: str
    ) -> "MatchingSet":
        """The images of a `CaptionSet` that have features and captions.

        Args:
            captions: a `CaptionSet`.
            store: a `FeatureStore`.
            name: str, for messages.
        """
        known = store.known(captions.image_ids)
        rows = [
            row
            for row, image_id in enumerate(captions.image_ids)
            if image_id in known and captions.tokens[row]
        ]
        if not rows:
            raise InputError(
                f"{name}: none of its {len(captions)} images has features in "
                f"{store.path}; ids of captions are "
                f"{show_ids(captions.image_ids)}, of features "
                f"{show_ids(store.ids)}; give those that belong together"
            )
        counts = [len(captions.tokens[row]) for row in rows]
        return cls(
            name,
            store,
            [captions.image_ids[row] for row in rows],
            np.repeat(np.arange(len(rows)), counts),
            [words for row in rows for words in captions.tokens[row]],
            [captions.files[row] for row in rows],
            captions.places and [captions.places[row] for row in rows],
        )


@dataclasses.dataclass(frozen=True, eq=False)
class TokenRows:
    """Captions as token ids, one behind the other (ragged).

    Args:
        values: int32 (W,), the ids of all captions.
        starts: int64 (M + 1,): caption i is values[starts[i]:starts[i + 1]].
        pad_id: int, what fills dense rows.
    """

    values: np.ndarray
    starts: np.ndarray
    pad_id: int = 0

    @classmethod
    def encode(
        cls, captions: Sequence[Sequence[str]], vocabulary: Vocabulary
    ) -> "TokenRows":
        """Captions (lists of str) with bos before and eos behind."""
        rows = [
            [vocabulary.bos_id, *vocabulary.encode(words), vocabulary.eos_id]
            for words in captions
        ]
        starts = np.cumsum([0, *map(len, rows)], dtype="int64")
        values = np.fromiter(
            (index for row in rows for index in row), "int32", starts[-1]
        )
        return cls(values, starts, vocabulary.pad_id)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 (M,), ids a caption, bos and eos included."""
        return np.diff(self.starts)

    def dense(self, rows: ArrayLike, pad_to: int = 1) -> np.ndarray:
        """A padded matrix of some captions.

        Args:
            rows: (n,) int, which.
            pad_to: int, the length is rounded up to a multiple of this.

        Returns:
            int32 (n, T), padded with `pad_id`.
        """
        chosen = np.asarray(rows, "int64")
        lengths = self.lengths[chosen]
        longest = int(lengths.max(initial=1))
        longest = -(-longest // pad_to) * pad_to
        columns = np.arange(longest)
        is_token = columns < lengths[:, None]
        places = np.where(is_token, self.starts[chosen, None] + columns, 0)
        return np.where(is_token, self.values[places], self.pad_id).astype(
            "int32"
        )

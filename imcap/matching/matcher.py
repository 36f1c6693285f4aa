"""A matching run as an object: `imcap.load("runs/t2i")`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.data.pictures.remarks import remarks
from imcap.errors import InputError
from imcap.vision.picture_lists import batches, is_many

if TYPE_CHECKING:
    from imcap.data.pairs.matching_set import TokenRows
    from imcap.matching.picture_index import PictureIndex


class LoadedMatcher:
    """Compares pictures with sentences by a run, in this process.

    Pictures are given as `imcap.captioning.captioner.LoadedCaptioner` takes
    them.

    Args:
        path: the directory of a run of `imcap match train`.
        checkpoint: "best" or "last", which weights.

    Attributes:
        run: the `MatchRun`.
        scan: its `Scan`.
        searcher: the `Searcher` that does the work.
        encoder: the `PictureEncoder` of its features.
        grid: (h, w), how the locations of `attention` lie on a picture.

    Raises:
        InputError: no run there, or it is not known what made its features.

    Example:
        >>> model = imcap.load("runs/t2i")
        >>> model.score(["a.jpg", "b.jpg"], ["a dog", "two men"]).shape
        (2, 2)
    """

    def __init__(self, path: str | Path, checkpoint: str = "best"):
        from imcap.matching.search import Searcher

        self.searcher = Searcher(path, checkpoint)
        self.run = self.searcher.run
        self.scan = self.searcher.scan
        # Built now, so that what is missing is said now.
        self.encoder = self.searcher.encoder
        self.grid = self.encoder.grid

    def score(self, images: Any, captions: str | Sequence[str]) -> np.ndarray:
        """How well each caption fits each picture.

        Args:
            images: B pictures, see the class.
            captions: C str, or one.

        Returns:
            float32 (B, C), larger for what fits better; not probabilities.
        """
        _, rows = self._encode(captions)
        return self.searcher.score(self._embed(images), rows)

    def attention(self, images: Any, captions: str | Sequence[str]) -> Any:
        """Attention of the words of captions, each on its own picture.

        Args:
            images: B pictures, see the class.
            captions: B str.

        Returns:
            List of B (words, weights): L str, and float32 (L, K). One pair
            alone for one picture alone.
        """
        tokens, rows = self._encode(captions)
        regions = self._embed(images)
        if len(regions) != len(rows):
            raise InputError(
                f"{len(regions)} pictures, but {len(rows)} captions; give a "
                "caption for each picture"
            )
        weights = self.searcher.attend(regions, rows, np.arange(len(rows)))
        pairs = list(zip(tokens, weights, strict=True))
        return pairs if is_many(images) else pairs[0]

    def search(
        self,
        folder: str | Path,
        sentences: str | Sequence[str],
        top: int = 8,
    ) -> Any:
        """The pictures of a folder that fit sentences best.

        What is embedded is kept in the run's directory.

        Args:
            folder: path.
            sentences: str, or a list of them.
            top: how many pictures a sentence.

        Returns:
            For each sentence a list of (path, score), best first.

        Warns:
            UserWarning: of each picture that cannot be read.
        """
        from imcap.matching.search import top_k

        _, rows = self._encode(sentences)
        index = self.index(folder)
        answers = [
            [
                (index.paths[row], float(column[row]))
                for row in top_k(column, top)
            ]
            for column in self.searcher.score(index, rows).T
        ]
        return answers[0] if isinstance(sentences, str) else answers

    def index(self, folder: str | Path) -> PictureIndex:
        """The `PictureIndex` of a folder, embedded where it is not yet.

        Warns:
            UserWarning: of each picture that cannot be read.
        """
        index = self.searcher.index(folder)
        for note in index.notes:
            warnings.warn(note, stacklevel=3)
        return index

    def _encode(
        self, captions: str | Sequence[str]
    ) -> tuple[list[list[str]], TokenRows]:
        """Words of captions, and their `TokenRows`."""
        captions = [captions] if isinstance(captions, str) else list(captions)
        if not captions:
            raise InputError("give at least one caption")
        tokens = self.searcher.tokenize(captions)
        return tokens, self.searcher.encode(tokens)

    def _embed(self, images: Any) -> np.ndarray:
        """Regions (B, K, E) of pictures, a batch at a time."""
        regions = [
            self.searcher.embed_pixels(np.stack(pixels))
            for pixels in batches(images, self.encoder.read)
        ]
        if not regions:
            raise InputError("give at least one picture")
        remarks.log()
        return np.concatenate(regions)

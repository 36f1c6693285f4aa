"""Score matrices of images with captions: bounded memory, resumable."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from imcap.data.batches.readers import StoredFeatures
from imcap.data.pairs.matching_set import MatchingSet, TokenRows
from imcap.files import atomic_write

if TYPE_CHECKING:
    from imcap.models.ridge_matcher import RidgeMatcher
    from imcap.models.scan import Scan

Allocate = Callable[[tuple[int, ...], str], np.ndarray]

IMAGES, CAPTIONS = 64, 256  # embedded at a time


BLOCK = 1000  # captions scored, and on disk stored, at a time


class EmbeddedImages(Protocol):
    """Regions float32 (N, K, E), or what has their shape and slices."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, K, E)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


class Embedder:
    """Embeds images and captions with one matcher and scores them.

    Args:
        scan: a `Scan` or a `RidgeMatcher` with its weights.
    """

    def __init__(self, scan: Scan | RidgeMatcher):
        import tensorflow as tf

        self.scan = scan
        self.scorer = scan.block_scorer()
        options = {"reduce_retracing": True, "autograph": False}
        self._images = tf.function(scan.encode_images, **options)
        self._captions = tf.function(scan.encode_captions, **options)

    def embed_images(
        self, pairs: MatchingSet, allocate: Allocate = np.empty
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Embeds the images of a `MatchingSet`.

        Args:
            pairs: the set.
            allocate: function of shape and dtype to an array to fill.

        Returns:
            embeddings: float32 (N, K, E).
            mask: bool (N, K), or None where all have K regions.
        """
        read = StoredFeatures(pairs.store)
        count, locations = len(pairs), pairs.store.locations
        shape = (count, locations, self.scan.joint_size)
        embeddings = allocate(shape, "float32")
        mask = None
        if not pairs.store.fixed_locations:
            mask = np.zeros((count, locations), bool)
        for first in range(0, count, IMAGES):
            inputs = read(pairs.image_ids[first : first + IMAGES])
            regions = self.embed_regions(inputs["features"], inputs.get("mask"))
            place = slice(first, first + len(regions))
            embeddings[place, : regions.shape[1]] = regions
            if mask is not None:
                embeddings[place, regions.shape[1] :] = 0
                mask[place, : regions.shape[1]] = inputs["mask"]
        return embeddings, mask

    def embed_regions(
        self, features: np.ndarray, mask: np.ndarray | None = None
    ) -> np.ndarray:
        """Embeds features (B, K, D): float32 (B, K, E)."""
        features = np.asarray(features, "float32")
        return np.asarray(self._images(features, mask), "float32")

    def embed_captions(
        self, rows: TokenRows, chosen: Sequence[int] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Embeds some captions.

        Args:
            rows: `TokenRows`.
            chosen: (n,) int, which.

        Returns:
            float32 (n, T, E), and their lengths int64 (n,).
        """
        tokens = rows.dense(chosen, pad_to=8)
        parts = [
            np.asarray(self._captions(tokens[first : first + CAPTIONS]))
            for first in range(0, len(tokens), CAPTIONS)
        ]
        words = np.concatenate(parts).astype("float32", copy=False)
        return words, rows.lengths[chosen]

    def score(
        self,
        images: EmbeddedImages,
        mask: np.ndarray | None,
        words: np.ndarray,
        lengths: np.ndarray,
    ) -> np.ndarray:
        """Scores of images with captions: float32 (N, n).

        Args:
            images: (N, K, E) float32, or what has its shape and slices.
            mask: bool (N, K) or None.
            words: (n, T, E) float32, or (W, E) of all captions side by side.
            lengths: (n,) int, words a caption.
        """
        from imcap.models.score_blocks import score_blocks

        scores = np.empty((len(images), len(lengths)), "float32")
        for block, columns, values in score_blocks(
            self.scan,
            images,
            words,
            image_mask=mask,
            lengths=lengths,
            scorer=self.scorer,
        ):
            scores[block, columns] = values
        return scores


def length_blocks(rows: TokenRows) -> list[np.ndarray]:
    """Buckets captions by length, so that little is padded.

    Args:
        rows: `TokenRows` of M captions.

    Returns:
        List of int64 arrays that together hold 0 … M - 1.
    """
    order = np.argsort(rows.lengths, kind="stable")
    return [order[i : i + BLOCK] for i in range(0, len(order), BLOCK)]


def score_all(
    embedder: Embedder, pairs: MatchingSet, rows: TokenRows
) -> np.ndarray:
    """The whole score matrix in memory: float32 (N, M).

    Args:
        embedder: an `Embedder`.
        pairs: a `MatchingSet` of N images.
        rows: `TokenRows` of its M captions.
    """
    images, mask = embedder.embed_images(pairs)
    scores = np.empty((len(pairs), len(rows)), "float32")
    for chosen in length_blocks(rows):
        words, lengths = embedder.embed_captions(rows, chosen)
        scores[:, chosen] = embedder.score(images, mask, words, lengths)
    return scores


class StoredScores:
    """A score matrix on disk, made block by block.

    What an interrupted call has finished is there for the next one.

    Args:
        folder: where blocks, and in the end scores.npy, lie.
        pairs: a `MatchingSet`.
        rows: `TokenRows` of its captions.
    """

    def __init__(self, folder: str | Path, pairs: MatchingSet, rows: TokenRows):
        self.folder = Path(folder)
        self.pairs = pairs
        self.rows = rows
        self.blocks = length_blocks(rows)

    @property
    def path(self) -> Path:
        """The finished matrix."""
        return self.folder / "scores.npy"

    def block_path(self, number: int) -> Path:
        """The scores of one block of captions."""
        return self.folder / f"block_{number:05d}.npy"

    def open(
        self,
        embedder: Callable[[], Embedder],
        progress: Callable[[list[int]], Iterable[int]] = iter,
    ) -> np.ndarray:
        """The matrix (N, M), mapped into memory; computed where missing.

        Args:
            embedder: function without arguments to an `Embedder`; called
                only where there is something to compute.
            progress: wraps the list of what is left to do.
        """
        if not self.path.exists():
            numbers = range(len(self.blocks))
            left = [n for n in numbers if not self.block_path(n).exists()]
            if left:
                self._compute(embedder(), progress(left))
            self._assemble()
        return np.load(self.path, mmap_mode="r")

    def _compute(self, embedder: Embedder, left: Iterable[int]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "images.npy"
        images, mask = embedder.embed_images(self.pairs, _mapped(file))
        for number in left:
            chosen = self.blocks[number]
            words, lengths = embedder.embed_captions(self.rows, chosen)
            scores = embedder.score(images, mask, words, lengths)
            with atomic_write(self.block_path(number), ".npy") as partial:
                np.save(partial, scores)
        del images
        file.unlink()

    def _assemble(self) -> None:
        shape = (len(self.pairs), len(self.rows))
        with atomic_write(self.path) as partial:
            scores = _mapped(partial)(shape, "float32")
            for number, chosen in enumerate(self.blocks):
                block = np.load(self.block_path(number), mmap_mode="r")
                scores[:, chosen] = block
                del block  # Windows removes no file that is mapped
            scores.flush()
            del scores
        for number in range(len(self.blocks)):
            self.block_path(number).unlink()


def _mapped(path: Path) -> Callable[[tuple[int, ...], str], np.memmap]:
    """Allocates an array in a file."""

    def allocate(shape: tuple[int, ...], dtype: str) -> np.memmap:
        return np.lib.format.open_memmap(path, "w+", dtype, shape)

    return allocate


class MeanScores:
    """The mean of score matrices, read a few rows at a time.

    Args:
        matrices: list of (N, M) arrays.
        scales: what each is divided by before; None for nothing.
    """

    def __init__(
        self,
        matrices: Sequence[np.ndarray],
        scales: Sequence[float] | None = None,
    ):
        self.matrices = matrices
        self.scales = [1.0] * len(matrices) if scales is None else scales
        self.shape = matrices[0].shape
        self.dtype = matrices[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        total = functools.reduce(
            np.add,
            (
                np.asarray(matrix[rows], "float64") / scale
                for matrix, scale in zip(
                    self.matrices, self.scales, strict=True
                )
            ),
        )
        return (total / len(self.matrices)).astype(self.dtype)


def deviation(matrix: np.ndarray) -> float:
    """Standard deviation of all scores of a matrix; 1 where they are equal."""
    blocks = [
        slice(first, first + BLOCK) for first in range(0, len(matrix), BLOCK)
    ]
    mean = sum(matrix[rows].sum(dtype="float64") for rows in blocks)
    mean = mean / matrix.size
    squares = sum(
        np.square(matrix[rows].astype("float64") - mean).sum()
        for rows in blocks
    )
    return float(np.sqrt(squares / matrix.size)) or 1.0


def data_fingerprint(pairs: MatchingSet, rows: TokenRows) -> str:
    """SHA-256 of what is scored: captions as read, images, features.

    The features' file counts by its size and time, not by its content.
    """
    status = pairs.store.path.stat()
    identity = [
        str(pairs.store.path.resolve()),
        status.st_size,
        status.st_mtime_ns,
    ]
    identity += [[str(image_id) for image_id in pairs.image_ids]]
    digest = hashlib.sha256(json.dumps(identity).encode())
    for array in (pairs.image_of, rows.values, rows.starts):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

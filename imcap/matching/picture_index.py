"""Embeddings of a folder of pictures and of sentences, kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imcap.data.archives.places import split_place
from imcap.data.features.store import FeatureStore
from imcap.data.features.writer import FeatureWriter
from imcap.data.pictures.listing import ImageList
from imcap.errors import InputError
from imcap.files import atomic_write, escape

if TYPE_CHECKING:
    from imcap.data.pairs.matching_set import TokenRows
    from imcap.matching.run import MatchRun
    from imcap.matching.scores import Embedder
    from imcap.vision.extraction import PictureEncoder

COPIED = 64  # embeddings at a time


class PictureIndex:
    """Index of a folder's pictures: their regions, embedded once.

    What is computed lies in the run's directory under a name made of the
    weights and the folder. A picture that was added, or has changed, is
    embedded at the next search; the others are not again.

    Args:
        run: a `MatchRun`.
        encoder: the `PictureEncoder` of its features.
        embedder: its `Embedder`.
        folder: the folder of pictures.
        checkpoint: which of the run's weights the embedder has.
        batch_size: pictures at a time.
        max_pixels: width times height above which a picture is refused;
            None: `pixel_limit()`.
        workers: threads that decode pictures.

    Attributes:
        paths: list (N) of `Path`, what could be read.
        refused: list of (path, reason).
        grid: (h, w) of the regions.
        shape: (N, K, E). Slices of the index are float32 arrays.

    Raises:
        InputError: no pictures, or none that can be read.
    """

    def __init__(
        self,
        run: MatchRun,
        encoder: PictureEncoder,
        embedder: Embedder,
        folder: str | Path,
        checkpoint: str = "best",
        *,
        batch_size: int = 32,
        max_pixels: int | None = None,
        workers: int = 2,
    ):
        self.images = ImageList.from_folder(folder)
        self.versions = [_file_version(path) for path in self.images.paths]
        self.folder = run.outputs / "search"
        weights = run.fingerprint(checkpoint)
        self.prefix = f"images_{_short_hash(weights, Path(folder).resolve())}_"
        path = self.folder / f"{self.prefix}{_short_hash(*self.versions)}.h5"
        shape = (encoder.grid[0] * encoder.grid[1], embedder.scan.joint_size)
        with FeatureWriter(
            path, self.versions, self.images.files, shape,
            {"grid": encoder.grid}, "float32",
        ) as writer:  # fmt: skip
            self._copy_known(writer, path)
            self.refused = self._embed(
                writer, encoder, embedder, batch_size, max_pixels, workers
            )
        self._remove_others(path)
        self.store = FeatureStore.open(path)
        by_version = dict(zip(self.versions, self.images.paths, strict=True))
        self.paths = [by_version[str(version)] for version in self.store.ids]
        height, width = self.store.metadata["grid"]
        self.grid = (height, width)
        channels = self.store.channels
        self.shape = (len(self.store), self.store.locations, channels)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.store.read(self.store.ids[rows])[0]

    @property
    def notes(self) -> list[str]:
        """Lines on the pictures that were left out."""
        return [
            " ".join(f"left out: {path}: {reason}".split())
            for path, reason in self.refused
        ]

    def _embed(
        self,
        writer: FeatureWriter,
        encoder: PictureEncoder,
        embedder: Embedder,
        batch_size: int,
        max_pixels: int | None,
        workers: int,
    ) -> list[tuple[Path, str]]:
        from imcap.vision.extraction import extract_features

        def embed(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            features, _ = encoder(pixels)
            regions = embedder.embed_regions(features)
            return regions, regions.mean(axis=1)

        refused = extract_features(
            self.images, writer, embed, encoder.size, batch_size, max_pixels,
            workers,
        )  # fmt: skip
        if len(refused) == len(self.images):
            writer.discard()
            raise InputError(
                f"{self.images.paths[0].parent}: none of its "
                f"{len(refused)} pictures can be read; {refused[0][1]}"
            )
        writer.mark_bad([row for row, _ in refused])
        writer.finish()
        return [(self.images.paths[row], why) for row, why in refused]

    def _copy_known(self, writer: FeatureWriter, path: Path) -> None:
        """Copies what earlier searches of this folder embedded."""
        for other in self.folder.glob(f"{self.prefix}*.h5"):
            if other == path:
                continue
            with contextlib.suppress(InputError):
                store = FeatureStore.open(other)
                known = [
                    int(row)
                    for row in writer.pending()
                    if self.versions[row] in store
                ]
                for first in range(0, len(known), COPIED):
                    rows = known[first : first + COPIED]
                    ids = [self.versions[row] for row in rows]
                    regions, _ = store.read(ids)
                    writer.write(rows, regions, regions.mean(axis=1))

    def _remove_others(self, path: Path) -> None:
        for other in self.folder.glob(f"{self.prefix}*"):
            if other != path:
                # Windows keeps what another process reads.
                with contextlib.suppress(OSError):
                    other.unlink()


def _file_version(path: Path) -> str:
    """What tells one version of a file from another."""
    place = split_place(path)
    status = place[0].stat() if place else path.stat()
    return escape(f"{path} {status.st_size} {status.st_mtime_ns}")


def _short_hash(*parts: object) -> str:
    # Names of files need not be UTF-8.
    digest = hashlib.sha256(os.fsencode("\0".join(map(str, parts))))
    return digest.hexdigest()[:16]


def embed_sentences(
    run: MatchRun,
    embedder: Embedder,
    rows: TokenRows,
    checkpoint: str = "best",
) -> np.ndarray:
    """Embeds the words of sentences once, and keeps them in the run.

    Args:
        run: a `MatchRun`.
        embedder: its `Embedder`.
        rows: `TokenRows` of M sentences.
        checkpoint: which weights the embedder has.

    Returns:
        float32 (W, E), mapped into memory, the words of all sentences side
        by side.
    """
    weights = run.fingerprint(checkpoint)
    digest = hashlib.sha256(rows.values.tobytes() + rows.starts.tobytes())
    name = f"sentences_{_short_hash(weights, digest.hexdigest())}.npy"
    path = run.outputs / "search" / name
    if not path.exists():
        with atomic_write(path) as partial:
            shape = (len(rows.values), embedder.scan.joint_size)
            out = np.lib.format.open_memmap(partial, "w+", "float32", shape)
            for first in range(0, len(rows), COPIED):
                chosen = np.arange(first, min(first + COPIED, len(rows)))
                words, lengths = embedder.embed_captions(rows, chosen)
                mask = np.arange(words.shape[1]) < lengths[:, None]
                place = slice(rows.starts[first], rows.starts[chosen[-1] + 1])
                out[place] = words[mask]
            out.flush()
            del out
    return np.load(path, mmap_mode="r")

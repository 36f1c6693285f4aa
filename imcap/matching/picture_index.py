"""Embeddings of a folder of pictures and of sentences, kept on disk."""

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np

from imcap.data.features.store import FeatureStore
from imcap.data.features.writer import FeatureWriter
from imcap.data.pictures.encoded import MAX_PIXELS
from imcap.data.pictures.listing import ImageList
from imcap.errors import InputError
from imcap.files import atomic_write

COPIED = 64  # embeddings at a time


class PictureIndex:
    """Pictures of a folder, embedded once.

    What is computed lies in the run's directory under a name made of the
    weights and the folder. A picture that was added, or has changed, is
    embedded at the next search; the others are not again.

    Args:
        run: a `MatchRun`.
        embedder: its `Embedder`.
        folder: the folder of pictures.
        checkpoint: which of the run's weights the embedder has.
        batch_size: int, pictures at a time.
        max_pixels: width times height above which a picture is refused.
        workers: int, threads that decode pictures.

    Attributes:
        paths: list (N) of `Path`, what could be read.
        refused: list of (path, reason).
        shape: (N, K, E). Slices of the index are float32 arrays.

    Raises:
        InputError: no pictures, or it is not known what made the run's
            features.
    """

    def __init__(
        self,
        run,
        embedder,
        folder,
        checkpoint="best",
        *,
        batch_size=32,
        max_pixels=MAX_PIXELS,
        workers=2,
    ):
        self.images = ImageList.from_folder(folder)
        self.stamps = [_stamp(path) for path in self.images.paths]
        self.kept = run.path / "search"
        weights = run.fingerprint(checkpoint)
        self.start = f"images_{_short(weights, Path(folder).resolve())}_"
        path = self.kept / f"{self.start}{_short(*self.stamps)}.h5"
        self.refused = self._fill(
            run, embedder, path, batch_size, max_pixels, workers
        )
        self._remove_others(path)
        self.store = FeatureStore.open(path)
        there = dict(zip(self.stamps, self.images.paths, strict=True))
        self.paths = [there[stamp] for stamp in self.store.ids]
        grid = self.store.metadata["grid"]
        self.grid = tuple(grid)
        width = self.store.channels
        self.shape = (len(self.store), self.store.locations, width)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return self.store.read(self.store.ids[rows])[0]

    def _fill(self, run, embedder, path, batch_size, max_pixels, workers):
        from imcap.vision.extraction import PictureEncoder, extract_features

        encoder = PictureEncoder.from_run(run)

        def embed(pixels):
            features, _ = encoder(pixels)
            regions = embedder.regions(features)
            return regions, regions.mean(axis=1)

        grid = encoder.grid
        shape = (grid[0] * grid[1], run.config.embed_size)
        with FeatureWriter(
            path, self.stamps, self.images.files, shape, {"grid": grid},
            "float32",
        ) as writer:  # fmt: skip
            self._copy_known(writer, path)
            refused = extract_features(
                self.images, writer, embed, encoder.size, batch_size,
                max_pixels, workers,
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

    def _copy_known(self, writer, path):
        """Takes over what earlier searches of this folder embedded."""
        for other in self.kept.glob(f"{self.start}*.h5"):
            if other == path:
                continue
            with contextlib.suppress(InputError):
                store = FeatureStore.open(other)
                known = [
                    int(row)
                    for row in writer.pending()
                    if self.stamps[row] in store
                ]
                for first in range(0, len(known), COPIED):
                    rows = known[first : first + COPIED]
                    found, _ = store.read([self.stamps[row] for row in rows])
                    writer.write(rows, found, found.mean(axis=1))

    def _remove_others(self, path):
        for other in self.kept.glob(f"{self.start}*"):
            if other != path:
                other.unlink()


def _stamp(path):
    """What tells one version of a file from another."""
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def _short(*parts):
    # Names of files need not be UTF-8.
    digest = hashlib.sha256(os.fsencode("\0".join(map(str, parts))))
    return digest.hexdigest()[:16]


def sentence_words(run, embedder, rows, checkpoint):
    """The words of sentences, embedded once and kept in the run.

    Args:
        run: a `MatchRun`.
        embedder: its `Embedder`.
        rows: `TokenRows` of M sentences.
        checkpoint: which weights.

    Returns:
        float32 (W, E), mapped into memory, the words of all sentences side
        by side.
    """
    weights = run.fingerprint(checkpoint)
    told = hashlib.sha256(rows.values.tobytes() + rows.starts.tobytes())
    name = f"sentences_{_short(weights, told.hexdigest())}.npy"
    path = run.path / "search" / name
    if not path.exists():
        with atomic_write(path) as partial:
            shape = (len(rows.values), run.config.embed_size)
            words = np.lib.format.open_memmap(partial, "w+", "float32", shape)
            for first in range(0, len(rows), COPIED):
                chosen = np.arange(first, min(first + COPIED, len(rows)))
                found, lengths = embedder.captions(rows, chosen)
                there = np.arange(found.shape[1]) < lengths[:, None]
                place = slice(rows.starts[first], rows.starts[chosen[-1] + 1])
                words[place] = found[there]
            words.flush()
            del words
    return np.load(path, mmap_mode="r")

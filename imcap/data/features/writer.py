"""Writes a feature file row by row, so that a kill costs one batch.

The file is HDF5 with plain contiguous datasets, made once at full size and
closed. Rows are then written into it as ordinary bytes at the offset HDF5
reserved for them: its own bookkeeping is never touched again, so no moment
of death can corrupt it, and readers may map it into memory.
"""

import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from imcap.errors import InputError
from imcap.files import StrPath, atomic_write, escape, replace_file

PENDING, DONE, BAD = 0, 1, 2
DATASETS = ("features", "pooled", "done")
FEATURE_TYPES = ("float16", "float32")


def identifier_array(
    identifiers: Sequence[int | str],
) -> np.ndarray | list[str]:
    """Ids as int64 when all are integers, otherwise as a list of str."""
    if all(isinstance(i, (int, np.integer)) for i in identifiers):
        return np.asarray(identifiers, dtype="int64")
    return [escape(str(identifier)) for identifier in identifiers]


def same_network(
    first: Mapping[str, Any], second: Mapping[str, Any], but: Sequence[str] = ()
) -> bool:
    """Whether two metadata describe features made in the same way.

    Where the weights lie does not count: their SHA-256 is compared. Neither
    do the names in `but`.
    """
    names = (set(first) | set(second)) - {"weights_path", *but}
    return all(first.get(name) == second.get(name) for name in names)


def _contiguous(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: DTypeLike
) -> None:
    """A dataset whose bytes are reserved, not written, at creation."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.CONTIGUOUS)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_IFSET)
    h5py.h5d.create(
        group.id,
        name.encode(),
        h5py.h5t.py_create(np.dtype(dtype)),
        h5py.h5s.create_simple(shape),
        creation,
    )


class FeatureWriter:
    """Resumable writer of a feature file (HDF5).

    Works on `<path>.partial` and renames it to `path` once every row is
    either written or marked bad. A finished file is opened again the same
    way: its bad rows are pending once more, as they may have been repaired.

    Args:
        path: the final HDF5 file.
        identifiers: n ids, all int or all str, in the order of the rows.
        files: n file names, kept for reference.
        shape: (K, D), locations and channels of one picture.
        metadata: dict of JSON values that says how features are made; a
            file begun with other metadata is not continued.
        dtype: "float16" or "float32" for `features`; `pooled` is float32.

    Raises:
        InputError: a file of other pictures or another network is there,
            or the disk has too little room.

    Example:
        >>> with FeatureWriter("f.h5", [7, 9], names, (49, 1280), {}) as out:
        ...     rows = out.pending()
        ...     out.write(rows, features, pooled)
        ...     out.finish()
    """

    def __init__(
        self,
        path: StrPath,
        identifiers: Sequence[int | str],
        files: Sequence[StrPath],
        shape: Sequence[int],
        metadata: dict[str, Any],
        dtype: str = "float16",
    ) -> None:
        if dtype not in FEATURE_TYPES:
            raise InputError(f"dtype {dtype!r}: choose float16 or float32")
        if not len(identifiers):
            raise InputError(f"{path}: there are no pictures to write")
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self.shape = tuple(int(size) for size in shape)
        self.dtype = np.dtype(dtype)
        self.identifiers = identifier_array(identifiers)
        self.files = [escape(str(name)) for name in files]
        self.metadata = json.loads(json.dumps(metadata))
        if self.path.exists():
            self._reopen()
        elif not self.partial.exists():
            self._create()
        self._open()

    def __enter__(self) -> "FeatureWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def pending(self) -> np.ndarray:
        """The rows still to do: (m,) int64."""
        return np.flatnonzero(self._done == PENDING)

    def write(
        self, rows: Collection[int], features: np.ndarray, pooled: np.ndarray
    ) -> None:
        """Stores finished rows, then marks them done.

        Args:
            rows: (m,) int, increasing or not.
            features: (m, K, D), any float type.
            pooled: (m, D).

        Raises:
            InputError: a value is not finite in the file's type.
        """
        with np.errstate(over="ignore"):
            features = np.asarray(features).astype(self.dtype)
        pooled = np.asarray(pooled, dtype="float32")
        self._check(rows, features, pooled)
        for row, feature, mean in zip(rows, features, pooled, strict=True):
            self._put("features", row, feature.tobytes())
            self._put("pooled", row, mean.tobytes())
        self._mark(rows, DONE)

    def mark_bad(self, rows: Collection[int]) -> None:
        """Leaves these rows out of the finished file's ids."""
        self._mark(rows, BAD)

    def finish(self) -> None:
        """Gives the file its final name; every row must be settled."""
        if len(self.pending()):
            raise ValueError(f"{len(self.pending())} rows are not written")
        self.close()
        replace_file(self.partial, self.path)

    def discard(self) -> None:
        """Removes the file in the making."""
        self.close()
        self.partial.unlink()

    def close(self) -> None:
        """Closes the file; a later writer continues it."""
        self._file.close()

    def _create(self) -> None:
        count, (_, channels) = len(self.files), self.shape
        self._check_room(count)
        with atomic_write(self.partial) as partial, h5py.File(
            partial, "w"
        ) as file:  # fmt: skip
            _contiguous(file, "features", (count, *self.shape), self.dtype)
            _contiguous(file, "pooled", (count, channels), "float32")
            _contiguous(file, "done", (count,), "uint8")
            text = h5py.string_dtype()
            is_text = isinstance(self.identifiers, list)
            file.create_dataset(
                "ids", data=self.identifiers, dtype=text if is_text else None
            )
            file.create_dataset("files", data=self.files, dtype=text)
            file.attrs["metadata"] = json.dumps(self.metadata)

    def _check_room(self, count: int) -> None:
        locations, channels = self.shape
        row = locations * channels * self.dtype.itemsize + channels * 4
        self.path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.path.parent).free
        if count * row > free:
            raise InputError(
                f"{self.path}: needs {count * row / 2**30:.1f} GiB, the disk "
                f"has {free / 2**30:.1f}; free some room or give another "
                "output"
            )

    def _reopen(self) -> None:
        try:
            with h5py.File(self.path, "r") as file:
                self._compare(file, self.path)
        except (OSError, KeyError) as error:
            raise InputError(
                f"{self.path}: already there and no feature file ({error}); "
                "remove it, or give another output"
            ) from None
        replace_file(self.path, self.partial)

    def _open(self) -> None:
        try:
            with h5py.File(self.partial, "r") as file:
                self._compare(file, self.partial)
                self._offset = {
                    name: file[name].id.get_offset() for name in DATASETS
                }
                self._done = file["done"][:]
            self._done[self._done == BAD] = PENDING
        except (OSError, KeyError) as error:
            raise InputError(
                f"{self.partial}: not a feature file in the making "
                f"({error}); remove it and start again"
            ) from None
        self._file = open(self.partial, "r+b")  # noqa: SIM115

    def _compare(self, file: h5py.File, path: Path) -> None:
        """Refuses to mix two sets of pictures or two networks."""
        ids = file["ids"]
        ids = ids.asstr()[:] if ids.dtype == object else ids[:]
        wanted = (len(self.files), *self.shape)
        same = (
            file["features"].shape == wanted
            and file["features"].dtype == self.dtype
            and list(ids) == list(self.identifiers)
            and same_network(json.loads(file.attrs["metadata"]), self.metadata)
        )
        if not same:
            raise InputError(
                f"{path}: made of other pictures or by another network; "
                "remove it, or give another output"
            )

    def _check(
        self, rows: Collection[int], features: np.ndarray, pooled: np.ndarray
    ) -> None:
        for row, feature, mean in zip(rows, features, pooled, strict=True):
            if feature.shape != self.shape:
                raise ValueError(f"row {row}: shape {feature.shape}")
            if not (np.isfinite(feature).all() and np.isfinite(mean).all()):
                raise InputError(
                    f"{self.files[row]}: a feature is not finite in "
                    f"{self.dtype.name}; use dtype float32, or check the "
                    "weights"
                )

    def _put(self, name: str, row: int, data: bytes) -> None:
        self._file.seek(self._offset[name] + int(row) * len(data))
        self._file.write(data)

    def _mark(self, rows: Collection[int], state: int) -> None:
        """Rows reach the disk before the word that they are there."""
        self._flush()
        for row in rows:
            self._put("done", row, bytes([state]))
            self._done[row] = state
        self._flush()

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

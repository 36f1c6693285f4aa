"""Where features lie: one HDF5 file, one array, or a folder of files."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import h5py
import numpy as np
from numpy.typing import DTypeLike

from imcap.data.features.ids import stem_id
from imcap.data.features.writer import DONE
from imcap.errors import InputError
from imcap.files import StrPath, read_json, read_text

NPZ_KEYS = ("feat", "z")
FLOATS = ("float16", "float32", "float64")


def _refuse(path: StrPath, reason: str, remedy: str) -> InputError:
    return InputError(f"{path}: {reason}; {remedy}")


def _check_type(path: StrPath, dtype: DTypeLike) -> None:
    if np.dtype(dtype).name not in FLOATS:
        raise _refuse(
            path, f"holds {np.dtype(dtype).name}", "features are floats"
        )


class Source(Protocol):
    """Protocol of feature sources, which a `FeatureStore` reads.

    No source holds features in memory, and all may be read by many threads.

    Attributes:
        ids: list of n ids.
        channels: D.
        locations: the largest K.
        fixed_locations: whether every picture has that K.
        metadata: dict, how the features were made; {} where unknown.
    """

    ids: list[int | str]
    channels: int
    locations: int
    fixed_locations: bool
    metadata: dict[str, Any]

    def grid(self, index: int) -> tuple[int, int] | None:
        """(h, w) of the map that the locations are; None for regions."""
        ...

    def row(self, index: int) -> np.ndarray:
        """The features of one picture: (k, D)."""
        ...

    def pooled(self, index: int) -> np.ndarray:
        """Mean-pooled features of one picture: (D,) float32."""
        ...


class HDF5Source:
    """A file of `imcap extract`, mapped into memory."""

    ids: list[int | str]
    fixed_locations = True

    def __init__(self, path: StrPath) -> None:
        remedy = "extract the features again"
        try:
            with h5py.File(path, "r") as file:
                self._describe(file)
                self._rows = np.flatnonzero(file["done"][:] == DONE)
                self._features = _mapped(path, file["features"])
                self._pooled = _mapped(path, file["pooled"])
        except KeyError as error:
            line = " ".join(str(error.args[0]).split())
            raise _refuse(path, f"lacks a part ({line})", remedy) from None
        except OSError as error:
            line = " ".join(str(error).split())
            reason = f"not a whole HDF5 file ({line})"
            raise _refuse(path, reason, remedy) from None
        except ValueError as error:
            raise _refuse(path, str(error), remedy) from None
        self.ids = [self._all_ids[row] for row in self._rows]
        del self._all_ids

    def _describe(self, file: h5py.File) -> None:
        ids = file["ids"]
        is_text = ids.dtype == object
        self._all_ids = ids.asstr()[:].tolist() if is_text else ids[:].tolist()
        self.metadata = json.loads(file.attrs.get("metadata", "{}"))
        shape = file["features"].shape
        count = len(self._all_ids)
        if len(shape) != 3 or shape[0] != count or len(file["done"]) != count:
            raise ValueError(f"{count} ids for features of shape {shape}")
        _, self.locations, self.channels = shape

    def grid(self, index: int) -> tuple[int, int] | None:
        grid = tuple(self.metadata.get("grid") or ())
        fits = len(grid) == 2 and grid[0] * grid[1] == self.locations
        return grid if fits else None

    def row(self, index: int) -> np.ndarray:
        return self._features[self._rows[index]]

    def pooled(self, index: int) -> np.ndarray:
        return self._pooled[self._rows[index]]


def _mapped(path: StrPath, dataset: h5py.Dataset) -> np.memmap:
    offset = dataset.id.get_offset()
    if offset is None:
        raise ValueError("its features are compressed or in chunks")
    return np.memmap(
        path, dataset.dtype, mode="r", offset=offset, shape=dataset.shape
    )


class StackedSource:
    """One `.npy` of (n, K, D) or (n, h, w, D), with ids beside it.

    The ids come from `<stem>_ids.txt` (one a line) or `<stem>_ids.json`
    (a list), otherwise they are the row numbers.
    """

    fixed_locations = True

    def __init__(self, path: StrPath) -> None:
        path = Path(path)
        array = _load_array(path)
        if array.ndim not in (3, 4):
            raise _refuse(
                path,
                f"shape {array.shape}",
                "expected (n, K, D) or (n, h, w, D)",
            )
        _check_type(path, array.dtype)
        self._grid = array.shape[1:3] if array.ndim == 4 else None
        self._features = array.reshape(len(array), -1, array.shape[-1])
        _, self.locations, self.channels = self._features.shape
        self._path = path
        self.metadata: dict[str, Any] = {}
        self.ids = _stacked_ids(path, len(array))

    def grid(self, index: int) -> tuple[int, int] | None:
        return self._grid

    def row(self, index: int) -> np.ndarray:
        row = self._features[index]
        return _finite(row, self._path, f"row {index}")

    def pooled(self, index: int) -> np.ndarray:
        return self.row(index).mean(axis=0, dtype="float32")


def _load_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        line = " ".join(str(error).split())
        raise _refuse(
            path, f"not a whole .npy file ({line})", "make it again"
        ) from None


def _stacked_ids(path: Path, count: int) -> list[int | str]:
    text = path.with_name(f"{path.stem}_ids.txt")
    as_json = text.with_suffix(".json")
    if text.exists():
        source, lines = text, read_text(text).split("\n")
        ids: Any = [line.strip() for line in lines if line.strip()]
    elif as_json.exists():
        source, ids = as_json, read_json(as_json)
    else:
        return list(range(count))
    if not isinstance(ids, list) or len(ids) != count:
        raise _refuse(
            source, f"does not list {count} ids", f"{path.name} has that many"
        )
    return ids


class FolderSource:
    """A folder of `<id>.npz` (key `feat` or `z`) or `<id>.npy`.

    Each file holds regions (k, D) or a grid (h, w, D). Opening reads the
    headers only.
    """

    def __init__(self, path: StrPath) -> None:
        folder = Path(path)
        files = sorted(
            entry for entry in folder.iterdir()
            if entry.suffix in (".npz", ".npy")
        )  # fmt: skip
        if not files:
            raise _refuse(folder, "no .npz or .npy in it", "check the path")
        self._folder, self._files = folder, files
        self.ids: list[int | str] = [stem_id(file.stem) for file in files]
        self.metadata: dict[str, Any] = {}
        sizes = self._scan()
        self.locations = max(sizes)
        self.fixed_locations = len(set(sizes)) == 1

    def _scan(self) -> list[int]:
        sizes: list[int] = []
        self._grids: list[tuple[int, int] | None] = []
        for file in self._files:
            shape = _header_shape(file)
            if not sizes:
                self.channels = shape[-1]
            if shape[-1] != self.channels:
                raise _refuse(
                    file,
                    f"{shape[-1]} channels, {self._files[0].name} has "
                    f"{self.channels}",
                    "make both with the same network",
                )
            sizes.append(int(np.prod(shape[:-1])))
            self._grids.append(
                (shape[0], shape[1]) if len(shape) == 3 else None
            )
        return sizes

    def grid(self, index: int) -> tuple[int, int] | None:
        return self._grids[index]

    def row(self, index: int) -> np.ndarray:
        file = self._files[index]
        try:
            values = _load_file(file)
        except _UNREADABLE as error:
            raise _damaged(file, error) from None
        return _finite(values.reshape(-1, self.channels), file, "features")

    def pooled(self, index: int) -> np.ndarray:
        return self.row(index).mean(axis=0, dtype="float32")


_UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)


def _damaged(file: Path, error: Exception) -> InputError:
    line = " ".join(str(error).split())
    return _refuse(file, f"damaged ({line})", "extract it again")


def _load_file(file: Path) -> np.ndarray:
    if file.suffix == ".npy":
        return np.load(file)
    with np.load(file) as archive:
        return archive[_npz_key(archive.files)]


def _npz_key(names: Sequence[str]) -> str:
    for key in NPZ_KEYS:
        if key in names:
            return key
    raise KeyError(f"no key 'feat' or 'z' but {sorted(names)}")


def _header_shape(file: Path) -> tuple[int, ...]:
    """The shape of the array in a file, from its first bytes."""
    try:
        if file.suffix == ".npy":
            with open(file, "rb") as stream:
                shape, dtype = _npy_header(stream)
        else:
            with zipfile.ZipFile(file) as archive:
                names = [
                    name.removesuffix(".npy") for name in archive.namelist()
                ]
                with archive.open(_npz_key(names) + ".npy") as stream:
                    shape, dtype = _npy_header(stream)
    except _UNREADABLE as error:
        raise _damaged(file, error) from None
    _check_type(file, dtype)
    if len(shape) not in (2, 3) or 0 in shape:
        raise _refuse(file, f"shape {shape}", "expected (k, D) or (h, w, D)")
    return shape


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    return shape, dtype


def _finite(values: np.ndarray, path: StrPath, what: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise _refuse(
            path, f"{what}: a value is not finite", "extract it again"
        )
    return values

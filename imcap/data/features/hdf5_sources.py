"""Features in HDF5: files of imcap, and those that others make."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from imcap.data.features.array_files import (
    ID_NAMES,
    KEYS,
    check_shape,
    check_size,
    check_type,
    double_note,
    finite,
    refuse,
)
from imcap.data.features.ids import check_ids
from imcap.data.features.sources import (
    PicturesSource,
    Shape,
    Source,
    check_stack,
    ids_beside,
    rows_note,
)
from imcap.data.features.writer import DONE
from imcap.errors import InputError
from imcap.files import StrPath, parse_json

STACKS = ("att_feats", "gri_feat", "reg_feat", *KEYS)
# What follows the id in the names of datasets, as Meshed-Memory has it.
ENDINGS = ("_features", "_grids", "_feats", "_feat", "_att")
REMEDY = "extract the features again"
DEEPEST = 8  # groups in groups
ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError)


def open_hdf5(path: StrPath) -> Source:
    """Opens features in HDF5.

    These are a file of `imcap extract`; one dataset (n, K, D) or
    (n, h, w, D), with ids in another or beside the file; or a dataset a
    picture: `<id>`, `<id>_features`, `<id>_grids`, or `<id>/features`.

    Raises:
        InputError: none of these, damaged, or of another type or shape.
    """
    try:
        with h5py.File(path, "r") as file:
            names = list(file)
            if "done" in names:
                return HDF5Source(path)
            stack = _find_stack(path, file)
            if stack is not None:
                return HDF5Stack(path, stack)
            datasets = list(_of_pictures(path, file))
        if datasets:
            return HDF5Pictures(path, datasets)
    except InputError:
        raise
    except ERRORS as error:
        raise _unreadable(path, error) from None
    shown = ", ".join(sorted(names)[:8]) or "nothing"
    raise refuse(
        path,
        f"no features in it, but {shown}",
        "expected a dataset 'features' (n, K, D), or one <id>_features a "
        "picture",
    )


def _unreadable(path: StrPath, error: Exception) -> InputError:
    line = " ".join(str(error.args[0] if error.args else error).split())
    if isinstance(error, KeyError):
        return refuse(path, f"lacks a part ({line})", REMEDY)
    if isinstance(error, (ValueError, TypeError)):
        return refuse(path, line, REMEDY)
    return refuse(path, f"not a whole HDF5 file ({line})", REMEDY)


def _dataset(path: StrPath, group: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset of this very file, which holds floats.

    h5py crashes where it reads text as floats, so its type comes first.
    """
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise refuse(
            path,
            f"{name!r} lies in another file, {link.filename}",
            "give that file, or copy its data into this one",
        )
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise KeyError(f"{name!r} is no dataset")
    elsewhere = dataset.file.filename != group.file.filename
    if elsewhere or dataset.external or dataset.is_virtual:
        raise refuse(
            path, f"{name!r} has its data in other files", "copy them into one"
        )
    check_type(f"{path}: {name}", dataset.dtype)
    return dataset


class HDF5Source:
    """A file of `imcap extract`, mapped into memory."""

    ids: list[int | str]
    fixed_locations = True
    notes: tuple[str, ...]

    def __init__(self, path: StrPath) -> None:
        self._path = path
        try:
            with h5py.File(path, "r") as file:
                self._describe(file)
                self._rows = np.flatnonzero(file["done"][:] == DONE)
                self._features = self._rows_of(file, "features")
                self._pooled = self._rows_of(file, "pooled")
        except InputError:
            raise
        except ERRORS as error:
            raise _unreadable(path, error) from None
        self.ids = [self._all_ids[row] for row in self._rows]
        del self._all_ids

    def _describe(self, file: h5py.File) -> None:
        path = self._path
        dataset = _dataset(path, file, "features")
        shape = dataset.shape
        self.notes = double_note(path, dataset.dtype)
        self._all_ids = _read_ids(path, file["ids"])
        self.metadata = _metadata(path, file.attrs.get("metadata", "{}"))
        count, done = len(self._all_ids), file["done"]
        if len(shape) != 3 or shape[0] != count or done.shape != (count,):
            raise ValueError(f"{count} ids for features of shape {shape}")
        if done.dtype.kind not in "iu":
            raise ValueError(f"'done' holds {done.dtype}")
        _, self.locations, self.channels = shape
        pooled = _dataset(path, file, "pooled").shape
        if pooled != (count, self.channels):
            raise ValueError(f"'pooled' is {pooled}, 'features' {shape}")

    def _rows_of(self, file: h5py.File, name: str) -> Any:
        """The rows of a dataset: in memory's map, or read one by one.

        Other tools may have written the file again, packed.
        """
        dataset = _dataset(self._path, file, name)
        offset = dataset.id.get_offset()
        if offset is None:
            return _PackedRows(_OpenFile(self._path), name)
        return np.memmap(
            self._path, dataset.dtype, mode="r", offset=offset,
            shape=dataset.shape,
        )  # fmt: skip

    def grid(self, index: int) -> tuple[int, int] | None:
        grid = self.metadata.get("grid")
        if not isinstance(grid, list) or len(grid) != 2:
            return None
        fits = grid[0] * grid[1] == self.locations
        return (grid[0], grid[1]) if fits else None

    def row(self, index: int) -> np.ndarray:
        values = self._features[self._rows[index]]
        return finite(values, self._path, f"features of {self.ids[index]!r}")

    def pooled(self, index: int) -> np.ndarray:
        values = self._pooled[self._rows[index]]
        return finite(values, self._path, f"pooled of {self.ids[index]!r}")


def _metadata(path: StrPath, text: Any) -> dict[str, Any]:
    if isinstance(text, (bytes, np.bytes_)):
        text = text.decode("utf-8")
    if not isinstance(text, str):
        raise ValueError("its metadata is no text")
    metadata = parse_json(f"{path}: metadata", text, REMEDY)
    if not isinstance(metadata, dict):
        raise ValueError("its metadata is no JSON object")
    return metadata


def _read_ids(path: StrPath, dataset: h5py.Dataset) -> list[int | str]:
    """Ids in a dataset of text or numbers, in one column or none."""
    if not isinstance(dataset, h5py.Dataset):
        raise KeyError("ids are no dataset")
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    if not is_text and dataset.dtype.kind not in "iuf":
        raise ValueError(f"{dataset.name} holds {dataset.dtype}, no ids")
    values = dataset.asstr()[()] if is_text else dataset[()]
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"{dataset.name} of shape {values.shape}, no ids")
    return check_ids(values.tolist(), f"{path}: {dataset.name}")


class _OpenFile:
    """An HDF5 file that is opened when first read, once a process.

    Nothing of it passes to a process that is forked or spawned. h5py lets
    one thread read at a time.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = path
        self._open: tuple[int, h5py.File] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_open": None}

    def read(self, name: str, index: Any = ()) -> np.ndarray:
        """What a dataset holds at an index.

        Raises:
            InputError: the file is damaged there.
        """
        try:
            if self._open is None or self._open[0] != os.getpid():
                self._open = os.getpid(), h5py.File(self.path, "r")
            return np.asarray(self._open[1][name][index])
        except ERRORS as error:
            raise _unreadable(self.path, error) from None


@dataclasses.dataclass
class _PackedRows:
    """Rows of a dataset that cannot be mapped into memory."""

    file: _OpenFile
    name: str

    def __getitem__(self, row: Any) -> np.ndarray:
        return self.file.read(self.name, int(row))


class Stack(NamedTuple):
    """One dataset of many pictures, and the dataset of their ids."""

    name: str
    ids: str | None


def _find_stack(path: StrPath, file: h5py.File) -> Stack | None:
    """The dataset of many pictures in a file, by its name or its ids'."""
    ids = next((name for name in ID_NAMES if name in file), None)
    for name in STACKS:
        link = file.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            return Stack(name, ids)  # which is refused
        found = file[name] if link is not None else None
        if isinstance(found, h5py.Dataset) and (ids or found.ndim != 2):
            return Stack(name, ids)
    if ids is None:
        return _only_map(file)
    length = len(file[ids]) if isinstance(file[ids], h5py.Dataset) else -1
    fitting = [
        name for name, found in file.items()
        if isinstance(found, h5py.Dataset)
        and found.ndim > 2
        and len(found) == length
    ]  # fmt: skip
    return Stack(fitting[0], ids) if len(fitting) == 1 else None


def _only_map(file: h5py.File) -> Stack | None:
    """The one dataset of a file, where it is (n, h, w, D)."""
    names = list(file)
    found = file.get(names[0]) if len(names) == 1 else None
    is_stack = isinstance(found, h5py.Dataset) and found.ndim == 4
    return Stack(names[0], None) if is_stack else None


class HDF5Stack:
    """One dataset (n, K, D) or (n, h, w, D) in a file of others.

    Args:
        path: of the file.
        stack: names of the dataset and of its ids.
    """

    fixed_locations = True

    def __init__(self, path: StrPath, stack: Stack) -> None:
        self._where, self._name = f"{path}: {stack.name}", stack.name
        with h5py.File(path, "r") as file:
            dataset = _dataset(path, file, stack.name)
            shape, dtype = dataset.shape, dataset.dtype
            check_stack(self._where, shape, dtype)
            ids = _read_ids(path, file[stack.ids]) if stack.ids else None
        if ids is None:
            ids = ids_beside(Path(path), shape[0])
        self.notes = double_note(path, dtype)
        if ids is None:
            ids = list(range(shape[0]))
            self.notes += (rows_note(path, shape[0]),)
        if len(ids) != shape[0]:
            raise ValueError(f"{len(ids)} ids for {stack.name} of {shape}")
        self.ids = ids
        self.channels = shape[-1]
        self.locations = int(np.prod(shape[1:-1]))
        self.metadata: dict[str, Any] = {}
        self._grid = shape[1:3] if len(shape) == 4 else None
        self._file = _OpenFile(path)

    def grid(self, index: int) -> tuple[int, int] | None:
        return self._grid

    def row(self, index: int) -> np.ndarray:
        values = self._file.read(self._name, index)
        values = values.reshape(-1, self.channels)
        return finite(values, self._where, f"row {index}")

    def pooled(self, index: int) -> np.ndarray:
        return self.row(index).mean(axis=0, dtype="float32")


class PictureDataset(NamedTuple):
    """The dataset of one picture."""

    image_id: str
    name: str
    shape: Shape
    dtype: np.dtype


def _of_pictures(path: StrPath, file: h5py.File) -> Iterator[PictureDataset]:
    """Yields the datasets of pictures, each a `PictureDataset`."""
    names = [name for name in _datasets(path, file) if name not in ID_NAMES]
    for ending in ENDINGS:
        named = [name for name in names if name.endswith(ending)]
        if named:
            for name in named:
                image_id = name.removesuffix(ending)
                yield _picture(path, file, name, image_id, ending)
            return
    inside = dict(_of_groups(names))
    for image_id, name in inside.items():
        yield _picture(path, file, name, image_id)
    if inside:
        return
    for name in names:
        yield _picture(path, file, name, name)


def _of_groups(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yields (id, dataset) of groups that have features under a known key."""
    present = set(names)
    groups = dict.fromkeys(
        name.rpartition("/")[0] for name in names if "/" in name
    )
    for group in groups:
        for key in KEYS:
            if f"{group}/{key}" in present:
                yield group, f"{group}/{key}"
                break


def _datasets(
    path: StrPath, group: h5py.Group, above: str = "", depth: int = 0
) -> Iterator[str]:
    """Yields the paths of all datasets; links to other places are not."""
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise refuse(
                path,
                f"{above + name!r} lies in another file, {link.filename}",
                "copy its data into this one",
            )
        if not isinstance(link, h5py.HardLink):
            continue
        if group.get(name, getclass=True) is not h5py.Group:
            yield above + name
        elif depth < DEEPEST:
            yield from _datasets(
                path, group[name], f"{above}{name}/", depth + 1
            )


def _picture(
    path: StrPath, file: h5py.File, name: str, image_id: str, ending: str = ""
) -> PictureDataset:
    dataset = _dataset(path, file, name)
    shape = dataset.shape
    where = f"{path}: {name}"
    check_shape(where, shape)
    check_size(where, shape, dataset.dtype)
    side = round(shape[0] ** 0.5)
    if ending == "_grids" and len(shape) == 2 and side * side == shape[0]:
        shape = (side, side, shape[1])
    return PictureDataset(image_id, name, shape, dataset.dtype)


class HDF5Pictures(PicturesSource):
    """A dataset a picture.

    Args:
        path: of the file.
        datasets: list of `PictureDataset`.
    """

    def __init__(self, path: StrPath, datasets: list[PictureDataset]) -> None:
        ids, self._datasets, shapes, dtypes = zip(*datasets, strict=True)
        self._file = _OpenFile(path)
        names = [f"{path}: {name}" for name in self._datasets]
        super().__init__(ids, names, shapes, dtypes, path)

    def load(self, index: int) -> np.ndarray:
        return self._file.read(self._datasets[index])

"""One .npz of all pictures: an array of each, or one array and ids."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.features.array_files import (
    ID_NAMES,
    KEYS,
    LARGEST,
    UNREADABLE,
    check_shape,
    check_size,
    check_type,
    damaged,
    npy_header,
    refuse,
)
from imcap.data.features.ids import check_ids, stem_id
from imcap.data.features.sources import (
    PicturesSource,
    Shape,
    Source,
    StackedSource,
    check_stack,
    ids_beside,
)
from imcap.files import StrPath

Headers = dict[str, tuple[Shape, np.dtype]]


def open_archive(path: StrPath) -> Source:
    """Opens a `.npz` of the features of all pictures.

    It holds one array (n, K, D) or (n, h, w, D) under a known key, with ids
    in another or beside the file; or an array of each picture under its id.

    Raises:
        InputError: neither, damaged, or of another type or shape.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            headers = {
                name.removesuffix(".npy"): _header(archive, name)
                for name in archive.namelist()
            }
    except UNREADABLE as error:
        raise damaged(path, error) from None
    for key in KEYS:
        if key in headers and len(headers[key][0]) > 2:
            return _open_stack(path, key, headers)
    names = [name for name in headers if name not in ID_NAMES]
    if not names:
        raise refuse(path, "no features in it", "check the path")
    return ArchivedPictures(path, {name: headers[name] for name in names})


def _header(archive: zipfile.ZipFile, name: str) -> tuple[Shape, np.dtype]:
    with archive.open(name) as stream:
        shape, _, dtype = npy_header(stream)
        return shape, dtype


def _open_stack(path: Path, key: str, headers: Headers) -> Source:
    shape, dtype = headers[key]
    where = f"{path}: {key}"
    check_stack(where, shape, dtype)
    name = next((name for name in ID_NAMES if name in headers), None)
    if name is None:
        ids = ids_beside(path, shape[0])
    else:
        values = _load(path, name).reshape(-1).tolist()
        ids = check_ids(values, f"{path}: {name}")
    return StackedSource(where, _stack(path, key, shape, dtype), ids)


def _stack(path: Path, key: str, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """The array of all pictures: mapped, or in memory where it is packed."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        part = archive.getinfo(key + ".npy")
        if part.compress_type == zipfile.ZIP_STORED:
            file.seek(part.header_offset + 26)
            lengths = np.frombuffer(file.read(4), "<u2")
            file.seek(int(lengths.sum()), os.SEEK_CUR)
            _, columns_first, _ = npy_header(file)
            return np.memmap(
                path, dtype, "r", file.tell(), shape,
                "F" if columns_first else "C",
            )  # fmt: skip
    size = float(np.prod(shape, dtype="float64")) * dtype.itemsize
    if size > LARGEST:
        raise refuse(
            path,
            f"{size / 1e9:.1f} GB, packed, do not fit into memory",
            "save them with numpy.savez or numpy.save, which do not pack",
        )
    return _load(path, key)


def _load(path: Path, name: str) -> np.ndarray:
    try:
        with np.load(path) as archive:
            return archive[name]
    except UNREADABLE as error:
        raise damaged(path, error) from None


class ArchivedPictures(PicturesSource):
    """A `.npz` with an array of each picture under its id.

    Args:
        path: of the archive.
        headers: dict of name to shape and type.
    """

    def __init__(self, path: Path, headers: Headers) -> None:
        self._path = path
        self._members = list(headers)
        self._open: tuple[int, Any] | None = None
        places = [f"{path}: {name}" for name in headers]
        for place, (shape, dtype) in zip(places, headers.values(), strict=True):
            check_type(place, dtype)
            check_shape(place, shape)
            check_size(place, shape, dtype)
        ids = check_ids(map(stem_id, self._members), path)
        shapes = [shape for shape, _ in headers.values()]
        dtypes = [dtype for _, dtype in headers.values()]
        super().__init__(ids, places, shapes, dtypes, path)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    def load(self, index: int) -> np.ndarray:
        try:
            if self._open is None or self._open[0] != os.getpid():
                self._open = os.getpid(), np.load(self._path)
            return self._open[1][self._members[index]]
        except UNREADABLE as error:
            raise damaged(self._names[index], error) from None

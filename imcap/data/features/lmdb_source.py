"""Features in LMDB, as ImageCaptioning.pytorch keeps them."""

import io
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.features.array_files import read_array, read_header, refuse
from imcap.data.features.ids import check_ids
from imcap.data.features.sources import PicturesSource
from imcap.errors import InputError
from imcap.files import StrPath

DATA = "data.mdb"
REMEDY = "make it again"
# Keys of databases that are about themselves: __keys__, __len__, db_….
_OWN = ("__", "db_")
_PICKLE = b"\x80"  # what pickles begin with
# lmdb opens a database once a process.
_open: "weakref.WeakValueDictionary[str, Any]" = weakref.WeakValueDictionary()


def is_lmdb(path: StrPath) -> bool:
    """Whether a path is an LMDB: a folder with data.mdb, or NAME.lmdb."""
    path = Path(path)
    return os.path.isfile(path / DATA) or (
        os.path.isfile(path) and path.suffix.lower() in (".lmdb", ".mdb")
    )


class LMDBSource(PicturesSource):
    """An LMDB of image ids to the bytes of .npy or .npz files.

    Nothing in it is unpickled.

    Args:
        path: folder with data.mdb, or a file that ends in .lmdb.

    Raises:
        InputError: damaged, without features, or lmdb is not installed.
    """

    def __init__(self, path: StrPath) -> None:
        self._path = Path(path)
        self._environment: Any = None
        self._keys, shapes, dtypes, names = [], [], [], []
        for key, value in self._items():
            name = key.decode("utf-8", "backslashreplace")
            if name.startswith(_OWN):
                continue
            where = f"{path}: {name}"
            if value.startswith(_PICKLE):
                raise refuse(
                    where,
                    "holds a pickle, which may run code when it is read",
                    "store what numpy.save writes",
                )
            shape, dtype = read_header(where, io.BytesIO(value))
            self._keys.append(key)
            names.append(name)
            shapes.append(shape)
            dtypes.append(dtype)
        if not names:
            raise refuse(path, "no features in it", "check the path")
        ids = [name.removesuffix(".npz").removesuffix(".npy") for name in names]
        places = [f"{path}: {name}" for name in names]
        super().__init__(check_ids(ids, path), places, shapes, dtypes, path)

    def __getstate__(self) -> dict[str, Any]:
        # An environment does not pass to another process.
        return self.__dict__ | {"_environment": None}

    def _items(self) -> Iterator[tuple[bytes, bytes]]:
        lmdb = _import_lmdb(self._path)
        try:
            with self._begin() as transaction:
                yield from transaction.cursor()
        except lmdb.Error as error:
            reason = f"not a whole LMDB ({error})"
            raise refuse(self._path, reason, REMEDY) from None

    def _begin(self) -> Any:
        if self._environment is None:
            self._environment = _open_environment(self._path)
        return self._environment.begin()

    def load(self, index: int) -> np.ndarray:
        with self._begin() as transaction:
            value = transaction.get(self._keys[index])
        return read_array(self._names[index], io.BytesIO(value))


def _open_environment(path: Path) -> Any:
    """The database, opened for reading without a lock file.

    A process that reads beyond the end of a file that was cut short is
    killed, so its length is looked at first.
    """
    data = path / DATA if os.path.isdir(path) else path
    name = os.path.realpath(data)
    environment = _open.get(name)
    if environment is None:
        environment = _import_lmdb(path).open(
            str(path), subdir=os.path.isdir(path), readonly=True, lock=False,
            readahead=False, max_readers=512,
        )  # fmt: skip
        _open[name] = environment
    pages = environment.info()["last_pgno"] + 1
    if data.stat().st_size < pages * environment.stat()["psize"]:
        raise refuse(path, "cut short", REMEDY)
    return environment


def _import_lmdb(path: StrPath) -> Any:
    try:
        import lmdb
    except ModuleNotFoundError:
        raise InputError(
            f"{path}: an LMDB needs the package lmdb: pip install "
            "'imcap[lmdb]'; or give the features as a folder of .npz"
        ) from None
    return lmdb

"""Places of pictures: a path, or a path that goes on into an archive.

`shard.tar/a.jpg`, `train.parquet/12` and `x.tfrecord/12/a.jpg` are places
like `folder/a.jpg`. Whatever reads pictures takes both.
"""

import collections
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

from imcap.data.archives.archive import GZIP, Archive
from imcap.data.archives.arrow import ARROW, PARQUET, ArrowArchive
from imcap.data.archives.tar import TarArchive
from imcap.data.archives.tfrecord import TFRecordArchive
from imcap.data.pictures.clutter import clutter_kind
from imcap.errors import InputError
from imcap.files import StrPath

TAR = re.compile(r".*\.(tar|tar\.gz|tgz)", re.IGNORECASE)
RECORDS = re.compile(r".*\.tfrec(ord)?s?(-\d+-of-\d+)?(\.gz)?", re.IGNORECASE)
PARQUETS = re.compile(r".*\.parquet", re.IGNORECASE)
# Files that datasets keeps beside the data are called cache-….
TABLES = re.compile(r"(?!cache-).*\.(parquet|arrow)", re.IGNORECASE)
KINDS = (TAR, RECORDS, TABLES)
OPEN = 256  # archives whose places are known at a time


def is_archive(path: StrPath) -> bool:
    """Whether a file is called like an archive of pictures."""
    path = Path(path)
    return _is_called_so(path) and os.path.isfile(path)


def find_archives(
    folder: StrPath, names: re.Pattern[str] | None = None
) -> list[Path]:
    """The archives below a folder, sorted; hidden ones and the like are none.

    Args:
        folder: is searched with all folders in it.
        names: what the archives are called; None for any kind.
    """
    kinds = KINDS if names is None else (names,)
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if _is_called_so(path, kinds)
        and clutter_kind(path.relative_to(folder)) is None
        and os.path.isfile(path)
    )


def split_place(path: StrPath) -> tuple[Path, str] | None:
    """The archive that a place leads into, and the name within it.

    Returns:
        None for the path of a file, there or not.

    Example:
        >>> split_place("data/shard.tar/x/a.jpg")
        (PosixPath('data/shard.tar'), 'x/a.jpg')
    """
    path = Path(path)
    for parent in path.parents:
        if os.path.isdir(parent):
            return None
        if os.path.isfile(parent):
            return parent, path.relative_to(parent).as_posix()
    return None


def picture_exists(path: StrPath) -> bool:
    """Whether there is a file, or an archive that the place leads into."""
    return os.path.exists(path) or split_place(path) is not None


def read_picture(path: StrPath) -> bytes:
    """The bytes of a picture, of a file or in an archive.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        place = None if isinstance(error, ValueError) else split_place(path)
        if place is not None:
            archive, member = place
            return open_archive(archive).read(member)
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{path}: no such file") from None
        raise InputError(f"{path}: cannot be read ({error})") from None


class _Opened:
    """The archives that were used last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.archives: collections.OrderedDict[
            tuple[str, int, int], Archive
        ] = collections.OrderedDict()

    def get(self, path: Path) -> Archive:
        """An archive; another one when the file has changed."""
        try:
            status = path.stat()
            key = str(path), status.st_mtime_ns, status.st_size
            with self.lock:
                if key not in self.archives:
                    self.archives[key] = _kind_of(path)(path)
                self.archives.move_to_end(key)
                while len(self.archives) > OPEN:
                    self.archives.popitem(last=False)
                return self.archives[key]
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error})") from None


_opened = _Opened()


def open_archive(path: StrPath) -> Archive:
    """An archive of pictures; what it knows is kept for the next time.

    Raises:
        InputError: no archive, or none that can be read.
    """
    return _opened.get(Path(path))


def _kind_of(path: Path) -> Callable[[Path], Archive]:
    """Which archive a file is: by its first bytes, or else by its name."""
    with open(path, "rb") as file:
        head = file.read(512)
    if head.startswith((PARQUET, ARROW)):
        return ArrowArchive
    if RECORDS.fullmatch(path.name):
        return TFRecordArchive
    is_packed = head.startswith(GZIP)
    if head[257:262] == b"ustar" or (TAR.fullmatch(path.name) and is_packed):
        return TarArchive
    for names, kind in ((TAR, TarArchive), (TABLES, ArrowArchive)):
        if names.fullmatch(path.name):
            return kind
    raise InputError(
        f"{path}: a file, and none that holds pictures as .tar, .parquet, "
        ".arrow and .tfrecord do"
    )


def _is_called_so(
    path: Path, kinds: tuple[re.Pattern[str], ...] = KINDS
) -> bool:
    return any(names.fullmatch(path.name) is not None for names in kinds)

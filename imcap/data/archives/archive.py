"""The contract of an archive of pictures, and what all of them share."""

import contextlib
import gzip
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from urllib.parse import quote, unquote

from imcap.errors import InputError

GZIP = b"\x1f\x8b"
NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"|?*\\]')


class Archive(Protocol):
    """A file that holds pictures: a class with these members.

    Threads share it; reading is cheap in any order.

    Args:
        path: the file.
    """

    path: Path

    def members(self, endings: Collection[str]) -> list[str]:
        """Names of the pictures, in the archive's order.

        Args:
            endings: of pictures, as ".jpg", where names tell what they are.

        Raises:
            InputError: the archive is damaged.
        """
        ...

    def read(self, member: str) -> bytes:
        """The bytes of a picture.

        Raises:
            InputError: there is no such picture, or the archive is damaged.
        """
        ...


def numbered(
    archive: Path,
    number: int,
    name: str | None = None,
    column: str | None = None,
) -> Path:
    """The place of a picture that is known by its row: ARCHIVE/ROW/NAME.

    Args:
        archive: the file.
        number: the row, from 0.
        name: how the row calls its picture; it is for people, and only its
            last part is used.
        column: the column or feature of the picture, where it is another
            than would be taken; the row is then ROW@COLUMN.
    """
    at = "" if column is None else f"@{quote(column, safe='')}"
    row = archive / f"{number}{at}"
    plain = NOT_IN_NAMES.sub("_", PurePosixPath(name or "").name)
    return row / plain if plain.strip(". ") else row


def row_of(path: Path, member: str) -> tuple[int, str | None]:
    """The row in a member's name, and its column; InputError without."""
    number, _, column = member.partition("/")[0].partition("@")
    if not number.isascii() or not number.isdecimal() or len(number) > 18:
        raise InputError(
            f"{path / member}: pictures of this file are named by their "
            "rows, from 0"
        )
    return int(number), unquote(column) or None


class Bytes:
    """A file that is read from anywhere by several threads.

    One that gzip packed is unpacked into a temporary file when it is first
    read, for it could only be read from its start.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._unpacked: IO[bytes] | None = None
        with open(path, "rb") as file:
            self.is_packed = file.read(2) == GZIP

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The bytes, unpacked, for one reader at a time.

        Raises:
            OSError, EOFError, zlib.error: they cannot be read.
        """
        if not self.is_packed:
            with open(self.path, "rb") as file:
                yield file
            return
        with self._lock:
            if self._unpacked is None:
                target = temporary_file(self)
                with gzip.open(self.path) as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                self._unpacked = target
            self._unpacked.seek(0)
            yield self._unpacked

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer where the file ends."""
        with self.open() as file:
            file.seek(offset)
            return file.read(size)


def temporary_file(owner: object) -> IO[bytes]:
    """A temporary file that goes when its owner does."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    weakref.finalize(owner, file.close)
    return file

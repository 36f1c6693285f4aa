"""Tar files, read by the place of their members."""

import functools
import tarfile
import zlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from imcap.data.archives.archive import Bytes
from imcap.data.pictures.clutter import clutter_kind
from imcap.data.pictures.remarks import remarks
from imcap.errors import InputError


def member_name(name: str) -> str:
    """A member's name as imcap has it: "./a//b.jpg" is "a/b.jpg"."""
    parts = PurePosixPath(name).parts
    return "/".join(part for part in parts if part not in ("/", ".."))


class TarArchive:
    """A tar file, or a packed one, `.tar.gz`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = Bytes(path)

    @functools.cached_property
    def _index(self) -> dict[str, tuple[int, int]]:
        """(offset, size) of each file by name."""
        index = {}
        try:
            with (
                self._bytes.open() as file,
                tarfile.open(fileobj=file, mode="r:") as archive,
            ):
                # The list of members would keep them all in memory.
                while (member := archive.next()) is not None:
                    archive.members = []  # type: ignore[attr-defined]
                    if member.isreg() and not member.issparse():
                        place = (member.offset_data, member.size)
                        index[member_name(member.name)] = place
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{self.path}: cannot be read as a tar file ({error}); fetch "
                "it again"
            ) from None
        return index

    def members(self, endings: Collection[str]) -> list[str]:
        """Names of the pictures; hidden ones and the like are counted."""
        paths = [
            path
            for path in map(PurePosixPath, self._index)
            if path.suffix.lower() in endings
        ]
        kinds = [clutter_kind(path) for path in paths]
        left_out = Counter(kind for kind in kinds if kind is not None)
        remarks.leave_out(str(self.path), left_out)
        return [
            str(path)
            for path, kind in zip(paths, kinds, strict=True)
            if kind is None
        ]

    def read(self, member: str) -> bytes:
        """The bytes of a member."""
        if member not in self._index:
            raise InputError(f"{self.path / member}: not in this tar file")
        offset, size = self._index[member]
        data = self._bytes.read(offset, size)
        if len(data) < size:
            raise InputError(
                f"{self.path / member}: the tar file is cut short; fetch it "
                "again"
            )
        return data

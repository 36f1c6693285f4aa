"""Where the pictures that a file names lie, however names are written."""

import collections
import contextlib
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from imcap.data.names import NameIndex, plain_name, small_ending
from imcap.files import StrPath

DEEPEST = 200  # folders in a name; an address with more is none of a file


class PictureFinder:
    r"""Finds pictures below a folder by the names that a file has for them.

    Names are found as they are; with \ for /, as files from Windows have
    them; in NFC and NFD, as macOS writes them; and in large and small
    letters. Of several names that a name may mean none is taken.

    Each folder is listed once.

    Args:
        root: the folder that names start from.

    Example:
        >>> PictureFinder("pictures").find("train\\Café.jpg")
        PosixPath('pictures/train/Café.JPG')
    """

    def __init__(self, root: StrPath) -> None:
        self.root = Path(root)
        self._listings: dict[Path, NameIndex | None] = {}

    def find(self, name: str) -> Path:
        """The path of a picture; root/name where there is none."""
        for written in _ways(name):
            if written.count("/") > DEEPEST:
                continue
            found = self._resolve(self.root / written)
            if found is not None:
                return found
        return self.root / name

    def find_all(self, names: Iterable[str]) -> list[Path]:
        """The paths of pictures.

        Two names that differ in more than NFC and NFD, / and \\ find no
        picture together: it is that of the name which is written as the
        file is.
        """
        names = list(names)
        paths = [self.find(name) for name in names]
        claims = collections.defaultdict(set)
        for name, path in zip(names, paths, strict=True):
            claims[path].add(_composed(name))
        for row, (name, path) in enumerate(zip(names, paths, strict=True)):
            own = {_composed(self.root / way) for way in _ways(name)}
            if len(claims[path]) > 1 and _composed(path) not in own:
                paths[row] = self.root / name
        return paths

    def _resolve(self, path: Path) -> Path | None:
        """The path as it is on the disk; None where it is not."""
        parent = path.parent
        listing = self._listing(parent)
        if listing is None:
            if parent in (path, self.root):
                return None
            found = self._resolve(parent)
            listing = None if found is None else self._listing(found)
            if found is None or listing is None:
                return None
            parent = found
        name = listing.find(path.name)
        return None if name is None else parent / name

    def _listing(self, folder: Path) -> NameIndex | None:
        """The names in a folder; None where it cannot be listed."""
        if folder not in self._listings:
            self._listings[folder] = None
            with contextlib.suppress(OSError, ValueError):
                self._listings[folder] = NameIndex(
                    sorted(os.listdir(folder)), (small_ending, plain_name)
                )
        return self._listings[folder]


def _ways(name: str) -> tuple[str, ...]:
    return (name, name.replace("\\", "/")) if "\\" in name else (name,)


def _composed(path: StrPath) -> str:
    return unicodedata.normalize("NFC", str(path).replace("\\", "/"))


def find_paths(root: StrPath, names: Iterable[str]) -> list[Path]:
    """The paths of pictures below a folder, see `PictureFinder`."""
    return PictureFinder(root).find_all(names)

"""Which caption files are meant: one, or several with a split each."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imcap.data.captions.fields import ROLES
from imcap.data.captions.splits import SPLIT_NAMES, parse_split
from imcap.errors import InputError
from imcap.files import StrPath
from imcap.options import BETWEEN

NAMES = "::"  # between a path and the names of its columns
Sources = StrPath | Sequence[StrPath] | Mapping[str, StrPath]


class Source(NamedTuple):
    """A caption file, and what was said of it.

    Attributes:
        split: that it is for, or None.
        path: of the file or folder.
        names: dict of "image", "caption", "id" or "split" to the column that
            holds it.
    """

    split: str | None
    path: Path
    names: dict[str, str]

    def written(self, path: str) -> str:
        """The source as settings have it, of another path."""
        split = f"{self.split}=" if self.split else ""
        names = ",".join(f"{role}={name}" for role, name in self.names.items())
        return f"{split}{path}{NAMES if names else ''}{names}"


def parse_sources(sources: Sources) -> list[Source]:
    """The files meant, with their splits and names of columns.

    Args:
        sources: a path; a list of paths, or of "SPLIT=PATH"; a dict of split
            to path; or the lines of such a list as one str, as settings of
            a run keep them. Behind a path may stand "::caption=txt,image=a",
            names of columns.

    Raises:
        InputError: no file, a split that there is not, or a name for nothing
            that is read.
    """
    if isinstance(sources, Mapping):
        return [
            Source(
                parse_split(name, str(path)), *_path_and_names(os.fspath(path))
            )
            for name, path in sources.items()
        ]
    if isinstance(sources, (str, os.PathLike)):
        sources = os.fspath(sources).split(BETWEEN)
    found = [_parse_source(os.fspath(one)) for one in sources]
    if not found:
        raise InputError("no caption file; give one")
    return found


def caption_files(sources: Sources) -> list[tuple[str | None, Path]]:
    """The files meant, each with the split that it is for, or None.

    Args:
        sources: as `parse_sources` takes them.

    Raises:
        InputError: no file, or a split that there is not.

    Example:
        >>> caption_files(["train=captions_train2017.json", "val=v.json"])
        [('train', PosixPath('captions_train2017.json')),
         ('val', PosixPath('v.json'))]
    """
    return [(one.split, one.path) for one in parse_sources(sources)]


def _parse_source(text: str) -> Source:
    match = re.fullmatch(r"(\w+)=(.+)", text)
    if (
        match is None
        or match[1].lower() not in SPLIT_NAMES
        or os.path.exists(text)
    ):
        return Source(None, *_path_and_names(text))
    return Source(parse_split(match[1], text), *_path_and_names(match[2]))


def _path_and_names(text: str) -> tuple[Path, dict[str, str]]:
    path, mark, stated = text.rpartition(NAMES)
    if not mark or not path or os.path.exists(text):
        return Path(text), {}
    names = {}
    for word in stated.split(","):
        role, _, name = word.partition("=")
        if role not in ROLES or not name:
            raise InputError(
                f"{text}: {word!r} names no column; behind {NAMES} stand "
                f"NAME=COLUMN with the names {', '.join(ROLES)}"
            )
        names[role] = name
    return Path(path), names


def first_file(sources: Sources) -> Path:
    """The first of the files, beside which other files of the data lie."""
    return caption_files(sources)[0][1]


def is_same_source(given: Sources | None, known: Sources | None) -> bool:
    """Whether given files are the known ones; None means no others."""
    if given is None or known is None:
        return given is None
    mine, theirs = (
        [one._replace(path=one.path.resolve()) for one in parse_sources(some)]
        for some in (given, known)
    )
    return mine == theirs


def map_files(sources: str, change: Callable[[str], str]) -> str:
    """Settings' str of one or several files, with each path changed.

    Args:
        sources: as `caption_files` takes it of a str.
        change: from a path to the path to stand there.
    """
    return BETWEEN.join(
        one.written(change(str(one.path))) for one in parse_sources(sources)
    )

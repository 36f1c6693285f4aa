"""Which caption files are meant: one, or several with a split each."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from imcap.data.captions.splits import SPLIT_NAMES, parse_split
from imcap.errors import InputError
from imcap.files import StrPath
from imcap.options import BETWEEN

Sources = StrPath | Sequence[StrPath] | Mapping[str, StrPath]


def caption_files(sources: Sources) -> list[tuple[str | None, Path]]:
    """The files meant, each with the split that it is for, or None.

    Args:
        sources: a path; a list of paths, or of "SPLIT=PATH"; a dict of split
            to path; or the lines of such a list as one str, as settings of
            a run keep them.

    Raises:
        InputError: no file, or a split that there is not.

    Example:
        >>> caption_files(["train=captions_train2017.json", "val=v.json"])
        [('train', PosixPath('captions_train2017.json')),
         ('val', PosixPath('v.json'))]
    """
    if isinstance(sources, Mapping):
        return [
            (parse_split(name, str(path)), Path(path))
            for name, path in sources.items()
        ]
    if isinstance(sources, (str, os.PathLike)):
        sources = os.fspath(sources).split(BETWEEN)
    found = [_split_and_path(os.fspath(one)) for one in sources]
    if not found:
        raise InputError("no caption file; give one")
    return found


def _split_and_path(text: str) -> tuple[str | None, Path]:
    match = re.fullmatch(r"(\w+)=(.+)", text)
    if match is None or Path(text).exists():
        return None, Path(text)
    if match[1].lower() not in SPLIT_NAMES:
        return None, Path(text)
    return parse_split(match[1], text), Path(match[2])


def first_file(sources: Sources) -> Path:
    """The first of the files, beside which other files of the data lie."""
    return caption_files(sources)[0][1]


def is_same_source(given: Sources | None, known: Sources | None) -> bool:
    """Whether given files are the known ones; None means no others."""
    if given is None or known is None:
        return given is None
    mine, theirs = caption_files(given), caption_files(known)
    return [(split, path.resolve()) for split, path in mine] == [
        (split, path.resolve()) for split, path in theirs
    ]


def map_files(sources: str, change: Callable[[str], str]) -> str:
    """Settings' str of one or several files, with each path changed.

    Args:
        sources: as `caption_files` takes it of a str.
        change: from a path to the path to stand there.
    """
    return BETWEEN.join(
        change(str(path)) if split is None else f"{split}={change(str(path))}"
        for split, path in caption_files(sources)
    )

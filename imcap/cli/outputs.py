"""Where a command writes, found out before it works."""

import sys
from collections.abc import Iterable
from pathlib import Path

from imcap.errors import InputError
from imcap.files import StrPath, is_writable
from imcap.runs.pretrained import is_pretrained, outputs


def check_files(
    *given: StrPath | None, inputs: Iterable[StrPath | None] = ()
) -> None:
    """Refuses files to write that are something else already.

    Args:
        *given: what flags name to write, one file each; None for none.
        inputs: files that are read.

    Raises:
        InputError: a folder, a place that cannot be written, an input, or
            the same file twice.
    """
    read = {Path(path).resolve() for path in inputs if path}
    written: set[Path] = set()
    for path in [Path(one) for one in given if one]:
        if path.is_dir():
            raise InputError(f"{path}: a folder; name a file to write")
        if not is_writable(path.parent):
            raise InputError(f"{path}: cannot be written; name another place")
        place = path.resolve()
        if place in read:
            raise InputError(f"{path}: it is read; name another file to write")
        if place in written:
            raise InputError(f"{path}: named twice to be written; part them")
        written.add(place)


def check_outputs(model: str | Path | None, *given: StrPath | None) -> None:
    """Refuses outputs that cannot be written, and says where the rest goes.

    Args:
        model: directory of a run, or "pretrained"; None where nothing is
            written but what flags name.
        *given: what flags name to write; the first is the one without which
            the run's directory is written to.

    Raises:
        InputError: one of these cannot be written, or nothing can.
    """
    for path in given:
        if not path:
            continue
        path = Path(path)
        if not is_writable(path if path.is_dir() else path.parent):
            raise InputError(f"{path}: cannot be written; name another place")
    if model is None or (given and given[0]):
        return
    folder = outputs(model)
    if folder == Path(model):
        return
    if not is_writable(folder):
        raise InputError(
            f"{model}: neither it nor {folder} can be written; name another "
            "place with --output"
        )
    if not is_pretrained(model):
        print(
            f"note: {model} cannot be written; what is made goes to {folder}, "
            "or where --output says",
            file=sys.stderr,
        )

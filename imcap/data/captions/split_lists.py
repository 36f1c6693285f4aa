"""Lists of pictures, one file a split."""

import collections
import re
from collections.abc import Sequence
from pathlib import Path

from imcap.data.ids import plain_id
from imcap.data.names import NameIndex, plain_name, small_ending
from imcap.errors import InputError
from imcap.files import StrPath, read_text


def read_split_lists(split_files: Sequence[StrPath]) -> dict[str, str]:
    """The splits of what some lists name, by line.

    Args:
        split_files: text files with one name a line; the name of each says
            its split.

    Raises:
        InputError: a file that says no split, or a line in two splits.
    """
    listed: dict[str, str] = {}
    for file in map(Path, split_files):
        name = _split_of_list(file)
        for line in _lines(file):
            if listed.setdefault(line, name) != name:
                raise InputError(
                    f"{file}: {line} is also listed for {listed[line]}; "
                    "an image belongs to one split"
                )
    return listed


def find_lines(
    lines: Sequence[str],
    names: Sequence[Sequence[str]],
    image_ids: Sequence[int | str],
) -> list[str | None]:
    r"""The line of each picture.

    A picture has the line that one of its names or its id is. Then come
    names in NFC and NFD, with \, in large and small letters, and numbers of
    equal value; of what two pictures may be, or two lines, none is taken.

    Args:
        lines: of the lists.
        names: of n pictures, the likeliest first.
        image_ids: n ids.

    Returns:
        n lines, None for pictures without one.
    """
    known = set(lines)
    found = [
        next((one for one in (*ways, str(key)) if one in known), None)
        for ways, key in zip(names, image_ids, strict=True)
    ]
    taken = set(found)
    left = [line for line in lines if line not in taken]
    if not left or None not in found:
        return found
    by_name = NameIndex(left, (small_ending, plain_name))
    by_number = NameIndex(left, (plain_id,))
    claims = collections.defaultdict(list)
    for row, (ways, key) in enumerate(zip(names, image_ids, strict=True)):
        if found[row] is None:
            lines_of = [*map(by_name.find, ways), by_number.find(str(key))]
            line = next((one for one in lines_of if one is not None), None)
            claims[line].append(row)
    for line, rows in claims.items():
        if len(rows) == 1:
            found[rows[0]] = line
    return found


def _lines(file: Path) -> list[str]:
    text = read_text(
        file, "give a list of images, a text file with one name per line"
    )
    return [line.strip() for line in text.split("\n") if line.strip()]


def _split_of_list(file: Path) -> str:
    """The split that a list is for, by its name."""
    for pattern, split in (
        ("restval", "restval"),
        ("train", "train"),
        ("dev|val", "val"),
        ("test", "test"),
    ):
        if re.search(pattern, file.name.lower()):
            return split
    raise InputError(
        f"{file}: which split is it for? Put train, restval, val, dev or "
        "test into its name"
    )

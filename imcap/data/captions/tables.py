"""Readers of caption files with one caption per line."""

import csv
import io
import json
import re
from pathlib import PurePosixPath

from imcap.data.captions.assembly import Picture, split_named
from imcap.data.captions.json_formats import value_of
from imcap.errors import InputError

FLICKR_LINE = re.compile(r"([^\t#]+)#(\d+)\t(.*)")


COLUMNS = {
    "image": ("image", "image_name", "file", "filename", "file_name"),
    "caption": ("caption", "comment", "text"),
    "split": ("split",),
    "id": ("id", "image_id", "cocoid"),
}


def read_flickr(path, text):
    """`*.token.txt`: lines of `name.jpg#0`, a tab and the caption."""
    pictures = {}
    seen = set()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        match = FLICKR_LINE.fullmatch(line.rstrip("\r"))
        if match is None:
            raise InputError(
                f"{path}: line {number} is not 'name.jpg#0<tab>caption', "
                "perhaps cut short; restore it or take it out"
            )
        name, place, caption = match.groups()
        if (name, place) in seen:
            raise InputError(
                f"{path}: line {number}: {name}#{place} appears twice; "
                "number the captions of an image differently"
            )
        seen.add((name, place))
        pictures.setdefault(name, Picture(PurePosixPath(name).stem, name, []))
        pictures[name].captions.append(caption)
    return list(pictures.values())


def read_table(path, rows):
    """Rows of image, caption[, split][, id], any number per image.

    Args:
        path: for messages.
        rows: iterable of (line number, dict with some of the keys of
            `COLUMNS`).
    """
    pictures = {}
    for number, row in rows:
        where = f"{path}: line {number}"
        name = value_of(row, "image", str, where).strip()
        if not name:
            raise InputError(f"{where}: the image is empty; name its file")
        split = row.get("split") or None
        split = None if split is None else split_named(split, where)
        if name not in pictures:
            key = _row_id(row, name)
            pictures[name] = Picture(key, name, [], split=split)
        if pictures[name].split != split:
            raise InputError(
                f"{where}: {name} is in another split than on an earlier "
                "line; an image belongs to one split"
            )
        caption = value_of(row, "caption", str, where)
        pictures[name].captions.append(caption.strip())
    return list(pictures.values())


def _row_id(row, name):
    given = row.get("id")
    if given is None or given == "":
        return PurePosixPath(name).stem
    return int(given) if str(given).isdecimal() else given


def json_lines(path, text):
    """(line number, dict) of a JSON-lines file."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path}: line {number} is not valid JSON ({error.msg}), "
                "perhaps cut short; restore it or take it out"
            ) from None
        if not isinstance(row, dict):
            raise InputError(f"{path}: line {number} is no JSON object")
        yield number, _plain_names(row)


def csv_lines(path, text):
    """(line number, dict) of a table with a header line.

    Columns are parted by comma, semicolon, tab or bar, whichever the
    header has.
    """
    # Strict: otherwise a stray quote swallows the captions behind it.
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=_delimiter(text.lstrip().split("\n", 1)[0]),
        skipinitialspace=True,
        strict=True,
    )
    try:
        rows = (cells for cells in reader if any(cells))
        header = [name.strip().lower() for name in next(rows)]
        for cells in rows:
            if len(cells) != len(header):
                raise InputError(
                    f"{path}: line {reader.line_num} has {len(cells)} "
                    f"columns where the header has {len(header)}; put "
                    "captions that contain the delimiter in double quotes"
                )
            row = dict(zip(header, cells, strict=True))
            yield reader.line_num, _plain_names(row)
    except csv.Error as error:
        raise InputError(
            f"{path}: line {reader.line_num}: {error}; quote captions with "
            'double quotes and write quotes inside them as ""'
        ) from None


def _delimiter(header):
    return max(",;\t|", key=header.count)


def _plain_names(row):
    """Renames 'file_name', 'comment' and the like to the usual names."""
    named = {}
    for name, aliases in COLUMNS.items():
        key = next((alias for alias in aliases if alias in row), None)
        if key is not None:
            named[name] = row[key]
    return named


def _is_table(names):
    """Whether these column names make a table of captions."""
    return {"image", "caption"} <= set(_plain_names(dict.fromkeys(names)))


def text_reader(first):
    """Which function reads a file with this first line.

    Args:
        first: str, the first line that is not blank.

    Returns:
        A function of (path, text) that gives a list of `Picture`, or None
        when it is none of these formats.
    """
    if _is_json_line(first):
        return lambda path, text: read_table(path, json_lines(path, text))
    if FLICKR_LINE.match(first):
        return read_flickr
    header = [
        name.strip().strip('"').lower()
        for name in first.split(_delimiter(first))
    ]
    if _is_table(header):
        return lambda path, text: read_table(path, csv_lines(path, text))
    return None


def _is_json_line(line):
    if not line.startswith("{"):
        return False
    try:
        return _is_table(json.loads(line))
    except json.JSONDecodeError:
        return False

"""Caption formats of lines: Flickr's token files, tables, JSON lines."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imcap.data.captions.assembly import LeftOut, Picture, posix_path
from imcap.data.captions.cells import PICTURE
from imcap.data.captions.delimited import Table
from imcap.data.captions.fields import Columns
from imcap.data.captions.formats import CaptionFile, Parsed
from imcap.data.captions.rows import Row, pictures_of_rows
from imcap.errors import InputError
from imcap.files import lines_of

# Flickr8k-CN has a tag before the number and a space behind it.
FLICKR_LINE = re.compile(r"([^\t#]+)(#[a-z]+)?#(\d+)([\t ])\s*(.*)")


class FlickrFormat:
    """`*.token.txt`: lines of `name.jpg#0`, a tab and the caption."""

    description = "Flickr8k.token.txt"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether the first line is such a line."""
        return _flickr_line(file.first_line) is not None

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture a name; the split lists beside the file, if any."""
        path = file.path
        captions: dict[str, list[str]] = {}
        seen = set()
        for number, line in enumerate(lines_of(file.text), 1):
            if not line.strip():
                continue
            match = _flickr_line(line)
            if match is None:
                raise InputError(
                    f"{path}: line {number} is not 'name.jpg#0<tab>caption', "
                    "perhaps cut short; restore it or take it out"
                )
            name, tag, place, _, caption = match.groups()
            if (name, tag, place) in seen:
                raise InputError(
                    f"{path}: line {number}: {name}#{place} appears twice; "
                    "number the captions of an image differently"
                )
            seen.add((name, tag, place))
            captions.setdefault(name.strip(), []).append(caption.strip())
        pictures = [
            Picture(posix_path(name).stem, name, texts, is_named=True)
            for name, texts in captions.items()
        ]
        return Parsed(pictures, split_files=_split_lists(path))


def _flickr_line(line: str) -> re.Match[str] | None:
    """The parts of a line; a space is enough behind what is a file name."""
    match = FLICKR_LINE.fullmatch(line.strip() + "\t")
    if match is None or match[2] or match[4] == "\t":
        return match
    return match if PICTURE.fullmatch(match[1]) else None


def _split_lists(path: Path) -> list[Path]:
    """The split lists of Flickr8k that lie beside its token file."""
    return [
        file
        for name in ("train", "dev", "test")
        for file in sorted(path.parent.glob(f"*{name}Images.txt"))
    ]


class JsonLinesFormat:
    """JSON lines: an object on each, with names as in a table."""

    description = "JSON lines with the columns image and caption"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether the first line is an object of picture and text."""
        first = file.first_line
        if not first.startswith("{"):
            return False
        if first == file.text.strip():
            return _is_row(file.json)
        try:
            return _is_row(json.loads(first))
        except (ValueError, RecursionError):
            return False

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of lines it has."""
        left_out = LeftOut()
        rows = _json_rows(file.path, file.text)
        pictures = pictures_of_rows(file.path, rows, left_out)
        return Parsed(pictures, left_out=left_out)


def _is_row(values: Any) -> bool:
    """Whether an object is one row, and not columns of many."""
    if not isinstance(values, dict) or not Columns.of(values).usable:
        return False
    columns = Columns.of(values)
    first = values[(columns.image + columns.image_id)[0]]
    if isinstance(first, dict):
        return "path" in first or "file_name" in first
    return not isinstance(first, list)


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    """The rows of a JSON-lines file."""
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = getattr(error, "msg", "too large or too deep")
            raise InputError(
                f"{path}: {where} is not valid JSON ({why}), perhaps cut "
                "short; restore it or take it out"
            ) from None
        if not isinstance(row, dict):
            raise InputError(
                f"{path}: {where} is no JSON object; give it an image and "
                "its captions, or take it out"
            )
        yield where, row


class TableFormat:
    """A table as text, of any delimiter, with a header or without.

    See `fields.py` for the names that columns may have, and `delimited.py`
    for what else may be odd about one.
    """

    description = "CSV with the columns image and caption"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether columns hold pictures and captions."""
        if file.first_line[:1] in ("{", "["):
            return False
        return file.table is not None

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of rows it has."""
        assert file.table is not None
        if file.table.note:
            file.notes.append(file.table.note)
        return parse_table(file.path, file.table)


def parse_table(path: Path, table: Table, kind: str = "line") -> Parsed:
    """The pictures of a table.

    Args:
        path: its file, for messages.
        table: a `Table`.
        kind: what its lines are called, in messages.
    """
    rows = (
        (f"{kind} {number}", dict(zip(table.header, cells, strict=True)))
        for number, cells in table.rows(path)
    )
    left_out = LeftOut()
    pictures = pictures_of_rows(path, rows, left_out)
    return Parsed(pictures, left_out=left_out)

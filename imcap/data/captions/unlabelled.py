"""Files that list pictures without captions, as those of test sets do."""

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from imcap.data.captions.assembly import LeftOut
from imcap.data.captions.cells import PICTURE
from imcap.data.captions.delimited import (
    numbered_lines,
    read_list,
)
from imcap.data.captions.fields import Columns
from imcap.data.captions.formats import CaptionFile, Parsed
from imcap.data.captions.rows import Row, pictures_of_rows
from imcap.files import lines_of


class UnlabelledFormat:
    """Pictures with ids: COCO's `image_info_*.json`, nocaps, lists, tables.

    JSON of `images[]` without `annotations` or `sentences`; a list of objects
    or of file names; JSON lines; a table or a text of names.
    """

    description = "pictures without captions"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether pictures are listed, and no captions."""
        return file.is_text and _rows_of(file) is not None

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, without captions."""
        left_out = LeftOut()
        rows = _rows_of(file) or iter(())
        pictures = pictures_of_rows(file.path, rows, left_out, bare=True)
        return Parsed(pictures, left_out=left_out)


def _rows_of(file: CaptionFile) -> Iterator[Row] | None:
    """The rows of a file, or None where it is none without captions."""
    if file.first_line[:1] not in ("{", "["):
        return None if file.table is not None else _rows_of_text(file)
    lines = [line for line in lines_of(file.text) if line.strip()]
    try:
        values = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        values = file.json
    else:
        values = values[0] if len(values) == 1 else values
    return _rows_of_json(values)


def _rows_of_json(values: Any) -> Iterator[Row] | None:
    place = "entry"
    if isinstance(values, dict):
        if values.get("annotations") or "ix_to_word" in values:
            return None
        lists = [key for key in values if _is_list_of_pictures(values[key])]
        if "images" in lists:
            lists = ["images"]
        if len(lists) != 1:
            return None
        place, values = lists[0], values[lists[0]]
    if not _is_list_of_pictures(values):
        return None
    return (
        (f"{place}[{number}]", _row_of(entry))
        for number, entry in enumerate(values)
    )


def _row_of(entry: Any) -> Any:
    """A row of names in the wild; Karpathy's folder and name are joined."""
    if isinstance(entry, str):
        return {"image": entry}
    folder, name = entry.get("filepath"), entry.get("filename")
    if isinstance(folder, str) and isinstance(name, str):
        return entry | {"filename": str(PurePosixPath(folder, name))}
    return entry


def _is_list_of_pictures(values: Any) -> bool:
    """Whether it is a list of names, or of objects without captions."""
    if not isinstance(values, list) or not values:
        return False
    if all(isinstance(one, str) for one in values):
        return bool(PICTURE.fullmatch(values[0]))
    return all(isinstance(one, dict) and Columns.of(one).bare for one in values)


def _rows_of_text(file: CaptionFile) -> Iterator[Row] | None:
    """The rows of a table, or of lines of names."""
    lines = [
        (number, line.strip()) for number, line in numbered_lines(file.text)
    ]
    if all(PICTURE.fullmatch(line) for _, line in lines):
        return ((f"line {number}", {"image": name}) for number, name in lines)
    table = read_list(file.text)
    if table is None:
        return None
    return (
        (f"line {number}", dict(zip(table.header, cells, strict=True)))
        for number, cells in table.rows(file.path)
    )

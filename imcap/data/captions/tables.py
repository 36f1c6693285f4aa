"""Caption formats with one caption per line: Flickr8k, tables, JSON lines."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from imcap.data.captions.assembly import Picture, parse_split, posix_path
from imcap.data.captions.formats import CaptionFile, Parsed, require
from imcap.errors import InputError

FLICKR_LINE = re.compile(r"([^\t#]+)#(\d+)\t(.*)")

COLUMNS = {
    "image": ("image", "image_name", "file", "filename", "file_name"),
    "caption": ("caption", "comment", "text"),
    "split": ("split",),
    "id": ("id", "image_id", "cocoid"),
}


class FlickrFormat:
    """`*.token.txt`: lines of `name.jpg#0`, a tab and the caption."""

    description = "Flickr8k.token.txt"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether the first line is such a line."""
        return FLICKR_LINE.match(file.first_line) is not None

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture a name; the split lists beside the file, if any."""
        path = file.path
        captions: dict[str, list[str]] = {}
        seen = set()
        for number, line in enumerate(file.text.split("\n"), 1):
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
            captions.setdefault(name, []).append(caption)
        pictures = [
            Picture(posix_path(name).stem, name, texts)
            for name, texts in captions.items()
        ]
        return Parsed(pictures, split_files=_split_lists(path))


def _split_lists(path: Path) -> list[Path]:
    """The split lists of Flickr8k that lie beside its token file."""
    return [
        file
        for name in ("train", "dev", "test")
        for file in sorted(path.parent.glob(f"*{name}Images.txt"))
    ]


class JsonLinesFormat:
    """JSON lines: an object with the columns of a table on each."""

    description = "JSON lines with the columns image and caption"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether the first line is an object with image and caption."""
        if not file.first_line.startswith("{"):
            return False
        try:
            return _is_table(json.loads(file.first_line))
        except json.JSONDecodeError:
            return False

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of lines it has."""
        rows = _json_rows(file.path, file.text)
        return Parsed(_pictures_of_rows(file.path, rows))


class CsvFormat:
    """A table with a header line; see `COLUMNS` for the names it may use."""

    description = "CSV with the columns image and caption"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether the header names image and caption."""
        first = file.first_line
        return _is_table(
            name.strip().strip('"').lower()
            for name in first.split(_delimiter(first))
        )

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of rows it has."""
        rows = _csv_rows(file.path, file.text)
        return Parsed(_pictures_of_rows(file.path, rows))


Row = tuple[int, dict[str, Any]]  # the number of its line, and its cells


def _pictures_of_rows(path: Path, rows: Iterable[Row]) -> list[Picture]:
    """Rows of image, caption and perhaps split and id, any number an image."""
    pictures: dict[str, Picture] = {}
    captions: dict[str, list[str]] = {}
    for number, row in rows:
        where = f"{path}: line {number}"
        name = require(row, "image", str, where).strip()
        if not name:
            raise InputError(f"{where}: the image is empty; name its file")
        split = row.get("split") or None
        split = None if split is None else parse_split(split, where)
        if name not in pictures:
            captions[name] = []
            pictures[name] = Picture(
                _row_id(row, name), name, captions[name], split=split
            )
        if pictures[name].split != split:
            raise InputError(
                f"{where}: {name} is in another split than on an earlier "
                "line; an image belongs to one split"
            )
        caption = require(row, "caption", str, where)
        captions[name].append(caption.strip())
    return list(pictures.values())


def _row_id(row: Mapping[str, Any], name: str) -> int | str:
    given = row.get("id")
    if given is None or given == "":
        return posix_path(name).stem
    return int(given) if str(given).isdecimal() else given


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    """The rows of a JSON-lines file."""
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


def _csv_rows(path: Path, text: str) -> Iterator[Row]:
    """The rows of a table with a header line.

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


def _delimiter(header: str) -> str:
    return max(",;\t|", key=header.count)


def _plain_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Renames 'file_name', 'comment' and the like to the usual names."""
    named = {}
    for name, aliases in COLUMNS.items():
        key = next((alias for alias in aliases if alias in row), None)
        if key is not None:
            named[name] = row[key]
    return named


def _is_table(names: Iterable[str]) -> bool:
    """Whether these column names make a table of captions."""
    return {"image", "caption"} <= set(_plain_names(dict.fromkeys(names)))

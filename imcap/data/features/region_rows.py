"""Rows of a TSV of region features, in the forms that people have.

A row is image_id, image_w, image_h, num_boxes, boxes, features between tabs;
the last two are base64 of float32, (n, 4) and (n, D). LXMERT's rows have ten
fields, and others no boxes or no sizes. A line may hold several rows whose
line break was lost.
"""

import base64
import binascii
import codecs
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from imcap.errors import InputError
from imcap.files import StrPath

FIELDS = ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features")
LXMERT = (
    "image_id", "image_h", "image_w", "objects_id", "objects_conf",
    "attrs_id", "attrs_conf", "num_boxes", "boxes", "features",
)  # fmt: skip
# By how many fields a row has. Features come last in all of them.
LAYOUTS = {
    len(names): names
    for names in (
        FIELDS,
        LXMERT,
        ("image_id", "image_w", "image_h", "num_boxes", "features"),
        ("image_id", "num_boxes", "features"),
    )
}
ALIASES = {"img_id": "image_id", "img_w": "image_w", "img_h": "image_h"}

# A row of 100 regions, 2048 wide, takes 1.1 MB: nothing near this is a row.
LONGEST_ROW = 1 << 26


class RegionRow(NamedTuple):
    """A row of the TSV, its boxes and features still base64.

    Attributes:
        image_id: as the file has it.
        width, height: of the picture, pixels; 0 where the file has none.
        regions: n.
        boxes: base64, empty where the file has none.
        features: base64.
    """

    image_id: str
    width: int
    height: int
    regions: int
    boxes: bytes
    features: bytes


class BadRow(NamedTuple):
    """A row that cannot be used, and why."""

    image_id: str
    reason: str


def numbered_lines(path: StrPath) -> Iterator[tuple[int, bytes]]:
    """Yields (number from 1, bytes) of one line after the other.

    One line is in memory at a time.

    Raises:
        InputError: a line longer than any row of regions.
    """
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(LONGEST_ROW):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) == LONGEST_ROW and not line.endswith(b"\n"):
                raise InputError(
                    f"{path}: line {number} is longer than {LONGEST_ROW} "
                    "bytes; this is no TSV of regions"
                )
            yield number, line


class RowParser:
    """Parses the lines of one TSV.

    The first line says which fields rows have, by their number or by their
    names.

    Example:
        >>> parser = RowParser()
        >>> for number, line in numbered_lines("regions.tsv"):
        ...     rows = parser.parse(line)
    """

    def __init__(self) -> None:
        self.layout: Sequence[str] = ()

    def parse(self, line: bytes) -> list[RegionRow | BadRow]:
        """The rows of a line: one, or those that are glued together.

        Returns:
            [] of an empty line and of names of fields.
        """
        rows: list[RegionRow | BadRow] = []
        for part in line.strip(b"\r\n\xef\xbb\xbf").split(b"\r"):
            if part.strip():
                rows += self._parse(part)
        return rows

    def _parse(self, line: bytes) -> list[RegionRow | BadRow]:
        fields = line.split(b"\t")
        if fields[-1].strip() == b"features":
            names = [field.decode("utf-8", "replace") for field in fields]
            self.layout = [ALIASES.get(name, name) for name in names]
            return []
        layout = self.layout or _layout_of(len(fields))
        step = len(layout) - 1
        count = (len(fields) - 1) // step if layout else 0
        if not count or count * step + 1 != len(fields):
            known = len(layout) or " or ".join(map(str, sorted(LAYOUTS)))
            reason = f"{len(fields)} fields, a row has {known}"
            return [BadRow(_shown(fields[0]), reason)]
        self.layout = layout
        if count > 1:
            return _part_rows(fields, layout)
        return [_parse_fields(fields, layout)]


def _layout_of(count: int) -> Sequence[str]:
    """The layout of a first line; () where no rows have so many fields."""
    if count in LAYOUTS:
        return LAYOUTS[count]
    for names in (FIELDS, LXMERT):
        if count > 1 and (count - 1) % (len(names) - 1) == 0:
            return names
    return ()


def _part_rows(
    fields: list[bytes], layout: Sequence[str]
) -> list[RegionRow | BadRow]:
    """Parts rows that are glued: features, and behind them the next id.

    All have the width D of the last, whose features end with the line.
    """
    step = len(layout) - 1
    place = layout.index("num_boxes")
    counts = [
        _whole(fields[start + place])
        for start in range(0, len(fields) - 1, step)
    ]
    total = len(_unquoted(fields[-1]).rstrip(b"=")) * 3 // 16  # float32
    channels, left = divmod(total, counts[-1] or 1)
    if left or None in counts or not channels:
        reason = "rows are glued together and cut short"
        return [BadRow(_shown(fields[0]), reason)]
    rows, image_id = [], fields[0]
    for number, regions in enumerate(counts):
        start = number * step
        own = [image_id, *fields[start + 1 : start + step + 1]]
        if number + 1 < len(counts):
            length = 4 * math.ceil((regions or 0) * channels * 4 / 3)
            own[-1], image_id = _cut(own[-1], length)
        rows.append(_parse_fields(own, layout))
    return rows


def _shown(field: bytes) -> str:
    """An id as a message has it, whatever it is."""
    return field[:80].decode("utf-8", "replace")


def _cut(field: bytes, length: int) -> tuple[bytes, bytes]:
    """Features of so many characters, and what is behind them."""
    quote = field[1:2] if field[:1] == b"b" else field[:1]
    if quote in (b"'", b'"') and quote:
        length = field.find(quote, 2) + 1
    return field[:length], field[length:]


def _unquoted(field: bytes) -> bytes:
    """A field without quotes, or the b'…' of Python, around it."""
    for start, end in ((b"b'", b"'"), (b'b"', b'"'), (b'"', b'"')):
        if field.startswith(start) and field.endswith(end):
            return field[len(start) : -1]
    return field


def _whole(field: bytes) -> int | None:
    """A number from 1 up, such as 640 or 640.0; None for anything else."""
    try:
        value = float(field)
    except ValueError:
        return None
    return int(value) if value >= 1 and value.is_integer() else None


def _parse_fields(
    fields: list[bytes], layout: Sequence[str]
) -> RegionRow | BadRow:
    named = dict(zip(layout, fields, strict=True))
    name = named["image_id"].decode("utf-8", "replace").strip().strip('"')
    shown = name[:80]
    if not name or "\ufffd" in name or "\0" in name:
        return BadRow(shown, f"image_id {shown!r} cannot be the name of a file")
    numbers = {}
    for field in ("image_w", "image_h", "num_boxes"):
        if field not in named:
            continue
        value = _whole(named[field])
        if value is None:
            text = named[field][:20].decode(errors="replace")
            return BadRow(shown, f"{field} {text!r} is no number from 1 up")
        numbers[field] = value
    return RegionRow(
        name,
        numbers.get("image_w", 0),
        numbers.get("image_h", 0),
        numbers["num_boxes"],
        _unquoted(named.get("boxes", b"")),
        _unquoted(named["features"]),
    )


def decode_row(row: RegionRow) -> tuple[np.ndarray | None, np.ndarray]:
    """Decodes the base64 arrays of a row.

    Returns:
        Boxes (n, 4), pixels, or None where the row has none; and features
        (n, D), both float32.

    Raises:
        ValueError: base64 cut short, counts that disagree, values that are
            not finite.
    """
    boxes = _floats(row.boxes, "boxes") if row.boxes else None
    features = _floats(row.features, "features")
    if boxes is not None and boxes.size != 4 * row.regions:
        raise ValueError(
            f"{boxes.size} corners of boxes for num_boxes {row.regions}"
        )
    if not features.size or features.size % row.regions:
        raise ValueError(
            f"{features.size} features for num_boxes {row.regions}"
        )
    if boxes is not None:
        boxes = boxes.reshape(-1, 4)
    return boxes, features.reshape(row.regions, -1)


def _floats(text: bytes, field: str) -> np.ndarray:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{field} are not whole base64 ({error})") from None
    if len(data) % 4:
        raise ValueError(f"{field} are {len(data)} bytes, not float32")
    values = np.frombuffer(data, "<f4")
    if not np.isfinite(values).all():
        raise ValueError(f"{field} hold a value that is not finite")
    return values

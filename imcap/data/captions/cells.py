"""Cells of tables as text: where they end, and what stands in them."""

import functools
import re
from collections.abc import Sequence

from imcap.data.captions.splits import SPLIT_NAMES
from imcap.data.pictures.listing import ENDINGS

# A line of a table begins with such a name, or ends with it.
PICTURE = re.compile(
    r"(?:https?://\S+|.*\S(?:"
    + "|".join(map(re.escape, sorted(ENDINGS)))
    + r"))",
    re.IGNORECASE,
)
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
SPLIT = re.compile("|".join(SPLIT_NAMES), re.IGNORECASE)


def split_cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line as they are written, with their quotes.

    A quote opens a cell only where it also closes it: before a delimiter or
    the end.
    """
    quoted = _quoted_cell(delimiter)
    cells, place = [], 0
    while True:
        match = quoted.match(line, place)
        stop = match.end() if match else line.find(delimiter, place)
        if stop < 0 or stop >= len(line):
            cells.append(line[place:])
            return cells
        cells.append(line[place:stop])
        place = stop + 1


@functools.cache
def _quoted_cell(delimiter: str) -> re.Pattern[str]:
    end = re.escape(delimiter)
    return re.compile(rf' *"(?:[^"\\]|\\.|"")*" *(?={end}|$)', re.DOTALL)


def is_open(cells: Sequence[str]) -> bool:
    """Whether some cell begins with a quote that closes nowhere."""
    return any(
        cell.lstrip().startswith('"') and cell.count('"') % 2 for cell in cells
    )


def unquoted(cell: str) -> str:
    """A cell without its quotes and the space around it."""
    text = cell.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"').replace('\\"', '"')
    if text.startswith('"') and text.count('"') == 1:
        return text[1:]
    return text

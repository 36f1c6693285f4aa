"""Tables without a header: what their columns hold, by what is in them."""

import re
from collections.abc import Sequence

from imcap.data.captions.cells import (
    NUMBER,
    PICTURE,
    SPLIT,
    split_cells,
    unquoted,
)
from imcap.data.captions.fields import Columns

SAMPLE = 50  # lines that tell what a table without header holds


def header_of(lines: Sequence[str], delimiter: str) -> list[str] | None:
    """Names for the columns of a table without a header.

    One column holds names of pictures, first or last; numbers and splits
    may stand between it and the captions.
    """
    rows = [_cells(line, delimiter) for line in lines[:SAMPLE]]
    width = min(map(len, rows))
    named = Columns.of(rows[0])
    if width < 2 or named.image or named.captions:
        return None  # no table, or one with a header that lacks something
    if most(rows, -1, PICTURE) and not most(rows, 0, PICTURE):
        # Beside numbers these are pictures without captions.
        numbered = most(rows, 0, NUMBER)
        return None if numbered else ["caption", "image"]
    if not most(rows, 0, PICTURE) and not (
        delimiter in "\t|"
        and most(rows, 0, re.compile(r"\S+"))
        and most(rows, -1, re.compile(r".*(?:\s|[^\0-\x7f]).*"))
    ):
        return None  # what has no ending is an id only beside a sentence
    if without_texts(rows):
        return None
    header = _lead(rows, width)
    if any(len(row) != width for row in rows):
        tail = ["split"] * (width > 2 and most(rows, -1, SPLIT))
        texts = 1
        if _is_wide(lines[:SAMPLE], delimiter):
            left = len(header) + len(tail)
            texts = _widest(lines, delimiter) - left
        return [*header, *_captions(texts), *tail]
    # "Gate, 7" is a sentence, as is a single row of commas.
    sentence = delimiter == "," and (
        len(lines) == 1 or any(re.search(r", +\S+$", line) for line in lines)
    )
    tail = _tail(rows, len(header), not sentence)
    texts = width - len(header) - len(tail) if delimiter in "\t|;" else 1
    return [*header, *_captions(texts), *tail]


def _cells(line: str, delimiter: str) -> list[str]:
    return [unquoted(cell) for cell in split_cells(line, delimiter)]


def _widest(lines: Sequence[str], delimiter: str) -> int:
    """Number of cells of the longest row; that of a trailing delimiter too."""
    most_marks = 0
    for line in lines:
        if line.count(delimiter) > most_marks:
            cells = split_cells(line, delimiter)
            most_marks = max(most_marks, len(cells) - 1)
    return most_marks + 1


def _is_wide(lines: Sequence[str], delimiter: str) -> bool:
    """Whether rows of unequal length have a caption in each cell.

    They have not where a picture has several rows, and where semicolons or
    bars stand as in sentences: with a space behind, or around, unlike the
    first.
    """
    if delimiter not in "\t|;":
        return False
    rows = [split_cells(line, delimiter) for line in lines]
    if len({unquoted(row[0]) for row in rows}) < len(rows):
        return False
    if delimiter == "\t" or any(row[1].startswith(" ") for row in rows):
        return True
    return not all(cell.startswith(" ") for row in rows for cell in row[2:])


def _lead(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The columns up to the captions."""
    header = ["image"]
    for column in range(1, width - 1):
        if most(rows, column, NUMBER):
            header.append(f"number {column}")
        elif most(rows, column, SPLIT):
            header.append("split")
        else:
            break
    return header


def _tail(rows: Sequence[Sequence[str]], lead: int, numbers: bool) -> list[str]:
    """The columns behind the captions, of rows of equal length."""
    tail: list[str] = []
    for column in range(len(rows[0]) - 1, lead, -1):
        if numbers and all(NUMBER.fullmatch(row[column]) for row in rows):
            tail.insert(0, f"number {column}")
        elif "split" not in tail and most(rows, column, SPLIT):
            tail.insert(0, "split")
        else:
            break
    return tail


def without_texts(rows: Sequence[Sequence[str]]) -> bool:
    """Whether nothing but numbers and splits stands behind the pictures."""
    cells = [cell.strip() for row in rows for cell in row[1:]]
    cells = [cell for cell in cells if cell]
    return bool(cells) and all(
        NUMBER.fullmatch(cell) or SPLIT.fullmatch(cell) for cell in cells
    )


def _captions(count: int) -> list[str]:
    if count == 1:
        return ["caption"]
    return [f"caption {number}" for number in range(1, count + 1)]


def most(
    rows: Sequence[Sequence[str]], column: int, pattern: re.Pattern[str]
) -> bool:
    """Whether the first and nearly all cells of a column are of a kind."""
    fits = [pattern.fullmatch(row[column].strip()) is not None for row in rows]
    return fits[0] and sum(fits) >= 0.9 * len(fits)

"""Tables as text: delimiter, header or none, and cells of imperfect lines."""

import collections
import csv
import dataclasses
import functools
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from imcap.data.captions.cells import (
    PICTURE,
    SPLIT,
    is_open,
    split_cells,
    unquoted,
)
from imcap.data.captions.fields import Columns
from imcap.data.captions.headerless import (
    SAMPLE,
    header_of,
    most,
    without_texts,
)
from imcap.errors import InputError
from imcap.files import lines_of

DELIMITERS = "\t|;,"
NAME_AND_TEXT = re.compile(r"\s*(\S+?(?<=\w)\.\w{3,4})[ \t]+(\S.*)")
LONGEST_CELL = 50  # lines that a quoted cell may have


@dataclasses.dataclass(frozen=True)
class Table:
    """How a text is a table.

    Attributes:
        delimiter: one character, or " " between a name and free text.
        header: the names of its columns.
        lines: its lines after the header, with their numbers from 1.
        note: a line to be said about how it was read, or "".
    """

    delimiter: str
    header: list[str]
    lines: list[tuple[int, str]]
    note: str = ""

    def rows(self, path: Path) -> Iterator[tuple[int, list[str]]]:
        """The cells of each row, as many as the header has names.

        Raises:
            InputError: a line without a text.
        """
        if self.delimiter == " ":
            for number, line in self.lines:
                match = NAME_AND_TEXT.fullmatch(line)
                if match is None:
                    raise InputError(
                        f"{path}: line {number} is not a file name and its "
                        "text; mend it or take it out"
                    )
                yield number, list(match.groups())
            return
        yield from self._strict_rows() or self._lenient_rows(path)

    def _strict_rows(self) -> list[tuple[int, list[str]]] | None:
        """The rows of a table as the csv module has it; None of others."""
        text = "\n".join(line for _, line in self.lines)
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            skipinitialspace=True,
            strict=True,
        )
        rows = []
        width = len(self.header)
        try:
            for cells in reader:
                if not any(cells):
                    continue
                if len(cells) != width or any(
                    self._swallowed(cell) for cell in cells if "\n" in cell
                ):
                    return None
                number = self.lines[reader.line_num - 1][0]
                rows.append((number, cells))
        except csv.Error:
            return None
        return rows

    def _swallowed(self, cell: str) -> bool:
        """Whether a quote that does not close took in further rows."""
        return any(map(self._is_row, cell.split("\n")[1:]))

    def _is_row(self, line: str) -> bool:
        """Whether a line begins a row, and does not continue a cell.

        It has a picture or an id where the header has one, and cells up to
        the caption. Behind the caption that holds only where no quote closes.
        """
        if self.delimiter not in line:
            return False
        if _is_named_picture(line, self.delimiter):
            return True
        cells = split_cells(line, self.delimiter)
        captions = Columns.of(self.header).captions
        first = self.header.index(captions[0]) if captions else self._target
        for column, shape in self._keys.items():
            due = max(column, first) + 1 if column >= 0 else len(self.header)
            if len(cells) < due or (column < 0 and line.count('"') % 2):
                continue
            cell = unquoted(cells[column])
            if PICTURE.fullmatch(cell) or shape == _shape(cell) != "":
                return True
        return False

    @functools.cached_property
    def _target(self) -> int:
        """The column that surplus delimiters belong to."""
        captions = Columns.of(self.header).captions
        return (
            self.header.index(captions[-1])
            if captions
            else len(self.header) - 1
        )

    @functools.cached_property
    def _keys(self) -> dict[int, str]:
        """The columns of pictures and ids, and how their first cell looks.

        Those behind the captions are counted from the end.
        """
        known = Columns.of(self.header)
        cells = (
            split_cells(self.lines[0][1], self.delimiter) if self.lines else []
        )
        keys = {}
        for name in (*known.image, *known.image_id, *known.row_id):
            column = self.header.index(name)
            if column > self._target:
                column -= len(self.header)
            if -len(cells) <= column < len(cells):
                keys[column] = _shape(unquoted(cells[column]))
        return keys

    def _lenient_rows(self, path: Path) -> list[tuple[int, list[str]]]:
        """The rows where quotes do not close or delimiters are bare."""
        rows = []
        place = 0
        while place < len(self.lines):
            number, line = self.lines[place]
            place += 1
            cells = split_cells(line, self.delimiter)
            longer = line
            for count in range(min(LONGEST_CELL, len(self.lines) - place)):
                if not is_open(cells) or self._is_row(
                    self.lines[place + count][1]
                ):
                    break
                longer += "\n" + self.lines[place + count][1]
                joined = split_cells(longer, self.delimiter)
                if not is_open(joined):
                    cells, place = joined, place + count + 1
                    break
            if any(cell.strip() for cell in cells):
                rows.append((number, self._fitted(path, number, cells)))
        return rows

    def _fitted(self, path: Path, number: int, cells: list[str]) -> list[str]:
        """As many cells as the header has names.

        The surplus of delimiters belongs to the caption, which is free
        text. Flickr30k's table lacks one behind a number.
        """
        width = len(self.header)
        captions, target = Columns.of(self.header).captions, self._target
        surplus = len(cells) - width
        if surplus > 0 and (len(captions) == 1 or target == width - 1):
            whole = self.delimiter.join(cells[target : target + surplus + 1])
            cells = [*cells[:target], whole, *cells[target + surplus + 1 :]]
        elif surplus == -1 and target == width - 1:
            match = re.fullmatch(r"\s*(\d+)\s+(\S.*)", cells[-1])
            if match is not None:
                cells = [*cells[:-1], *match.groups()]
        if len(cells) < width:
            cells = self._padded(cells)
        if len(cells) != width:
            raise InputError(
                f"{path}: line {number} has {len(cells)} columns where the "
                f"header has {width}; put captions that contain the "
                "delimiter in double quotes"
            )
        return [unquoted(cell) for cell in cells]

    def _padded(self, cells: list[str]) -> list[str]:
        """A short row with blanks in place of what it lacks.

        Wide tables have fewer captions for some pictures; a split ends such
        rows, too.
        """
        captions = Columns.of(self.header).captions
        blank = [""] * (len(self.header) - len(cells))
        if len(captions) > 1 and self.header.index(captions[0]) < len(cells):
            behind = self.header[self._target + 1 :]
            if not behind:
                return cells + blank
            if behind == list(
                Columns.of(self.header).split
            ) and SPLIT.fullmatch(unquoted(cells[-1])):
                return [*cells[:-1], *blank, cells[-1]]
        return cells + blank if self._target < len(cells) else cells


def read_table(text: str) -> Table | None:
    """How a text is a table of pictures and captions; None if it is not.

    Args:
        text: the whole text, line ends as they are.
    """
    lines, delimiters = _lines_and_delimiters(text)
    first = lines[0][1]
    for delimiter in sorted(delimiters, key=first.count, reverse=True):
        header = [unquoted(cell) for cell in split_cells(first, delimiter)]
        if len(header) > 1 and Columns.of(header).usable:
            return Table(delimiter, _distinct(header), lines[1:])
    for delimiter in delimiters:
        named = header_of([line for _, line in lines], delimiter)
        if named is not None:
            return Table(delimiter, named, lines)
    for delimiter in delimiters:
        renamed = _renamed(lines, delimiter)
        if renamed is not None:
            return renamed
    matches = [NAME_AND_TEXT.fullmatch(line) for _, line in lines[:SAMPLE]]
    if all(
        match and PICTURE.fullmatch(match[1]) for match in matches
    ) and not without_texts(
        [[one[1], *one[2].split()] for one in matches if one]
    ):
        return Table(" ", ["image", "caption"], lines)
    return None


def read_list(text: str) -> Table | None:
    """How a text is a table of pictures without captions; None of others.

    It has a header; or names of pictures first, and behind them nothing but
    numbers and splits.
    """
    lines, delimiters = _lines_and_delimiters(text)
    delimiter = max(delimiters, key=lines[0][1].count)
    rows = [
        [unquoted(cell) for cell in split_cells(line, delimiter)]
        for _, line in lines
    ]
    if Columns.of(rows[0]).bare:
        return Table(delimiter, rows[0], lines[1:]) if rows[1:] else None
    width = len(rows[0])
    if (
        any(len(row) != width for row in rows)
        or not all(PICTURE.fullmatch(row[0]) for row in rows)
        or not without_texts(rows)
    ):
        return None
    splits = [most(rows, column, SPLIT) for column in range(1, width)]
    names = [
        "split" if is_split else f"number {column}"
        for column, is_split in enumerate(splits, 1)
    ]
    return Table(delimiter, ["image", *names], lines)


def numbered_lines(text: str) -> list[tuple[int, str]]:
    """Lines that are not blank, from 1, without what is said to Excel."""
    return _lines_and_delimiters(text)[0]


def header_cells(text: str) -> list[str]:
    """The cells of the first line, for the message about what was found."""
    lines, delimiters = _lines_and_delimiters(text)
    line = lines[0][1]
    delimiter = max(delimiters, key=line.count)
    return [unquoted(cell) for cell in split_cells(line, delimiter)]


def _lines_and_delimiters(text: str) -> tuple[list[tuple[int, str]], str]:
    """Numbered lines that are not blank, and what may stand between cells.

    Excel reads a first line "sep=;" as the delimiter of the table below.
    """
    lines = list(enumerate(lines_of(text), 1))
    lines = [(number, line) for number, line in lines if line.strip()]
    stated = re.fullmatch(r'"?sep=(\\t|.)"?', lines[0][1].strip("\r\n"))
    if stated is None or len(lines) == 1:
        return lines, DELIMITERS
    return lines[1:], stated[1].replace("\\t", "\t")


def _renamed(lines: list[tuple[int, str]], delimiter: str) -> Table | None:
    """A table whose header is in other words, as those of another language.

    What is below tells the columns: names of pictures stand in one.
    """
    header = [unquoted(cell) for cell in split_cells(lines[0][1], delimiter)]
    if any(PICTURE.fullmatch(cell) for cell in header):
        return None
    below = [line for _, line in lines[1:]]
    named = header_of(below, delimiter) if below else None
    if named is None or len(named) != len(header):
        return None
    if not _is_named_picture(below[0], delimiter):
        return None
    known = Columns.of(header)
    numbers = (*known.image_id, *known.row_id, *known.split)
    if any(
        (old in known.image and new != "image")
        or (old in numbers and new.startswith("caption"))
        or (old in known.captions and not new.startswith("caption"))
        for old, new in zip(header, named, strict=True)
    ):
        return None  # the words are known ones, and mean something else
    meant = ", ".join(
        f"{old!a} as {new}" for old, new in zip(header, named, strict=True)
    )
    return Table(delimiter, named, lines[1:], f"columns read: {meant}")


def _is_named_picture(line: str, delimiter: str) -> bool:
    """Whether the first or the last cell of a line names a picture's file."""
    cells = split_cells(line, delimiter)
    return any(
        PICTURE.fullmatch(unquoted(cell)) for cell in (cells[0], cells[-1])
    )


def _shape(cell: str) -> str:
    """How a name or number is built, "" of words: "img_07" is "a_0"."""
    text = cell.strip()
    if re.search(r"\s", text) or not re.search(r"\d", text):
        return ""
    return re.sub(
        r"[^\W_]+",
        lambda run: "a" if run[0].isalpha() else "0" * run[0].isdigit() or "x",
        text,
    )


def _distinct(header: Sequence[str]) -> list[str]:
    """The header, its later columns of the same name numbered.

    Of captions they are those of a wide table.
    """
    seen: collections.Counter[str] = collections.Counter()
    names: list[str] = []
    for name in header:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return names

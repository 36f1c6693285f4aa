"""Rows of picture and text, of any names and from anywhere, as pictures."""

import collections
import dataclasses
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from imcap.data.captions.assembly import LeftOut, Picture, posix_path
from imcap.data.captions.fields import (
    WHAT_WOULD_DO,
    Columns,
    describe_names,
    is_null,
    parse_captions,
    parse_id,
    parse_name,
    read_size,
)
from imcap.data.captions.identity import identities
from imcap.data.captions.splits import parse_split
from imcap.errors import InputError

# The place in the file, as "line 3", and what stands there by its name.
Row = tuple[str, Mapping[str, Any]]
# The same, and where its picture is, if the source holds it.
PlacedRow = tuple[str, Mapping[str, Any], Path | None]


@dataclasses.dataclass
class _Entry:
    """A row, its cells told apart."""

    where: str
    name: str | None
    image_id: int | str | None
    row_id: int | str | None
    captions: list[str]
    many: bool
    split: str | None
    size: tuple[int, int] | None
    place: Path | None
    identity: Hashable = None  # of a picture in the row; see `identities`


def pictures_of_rows(
    path: Path,
    rows: Iterable[Row | PlacedRow],
    left_out: LeftOut,
    bare: bool = False,
) -> list[Picture]:
    """Joins rows to pictures: any number of rows, and of texts in a row.

    Rows of one `image_id`, or without it of one file, belong to one picture;
    where rows hold pictures of one name, their bytes must be the same too.
    A column `id` may number pictures or captions: of captions where rows of
    one file differ in it; then it is not used. A row without an id takes that
    of other rows of its picture, and one without a name likewise.

    Args:
        path: the file, for messages.
        rows: `Row`s with the names of `fields.py`.
        left_out: where repeated images, and rows without a picture, are
            counted.
        bare: whether rows are pictures without captions.

    Raises:
        InputError: a cell with something else than is due; rows that
            contradict each other.
    """
    parsed = (_parse_row(path, bare, left_out, *row) for row in rows)
    entries = [entry for entry in parsed if entry is not None]
    _identify(entries)
    _complete(entries)
    numbers_captions = _numbers_captions(entries)
    pictures: dict[int | str, Picture] = {}
    for entry in entries:
        key = entry.image_id
        if key is None and not numbers_captions:
            key = entry.row_id
        elif key is None and entry.name is None:
            where = entry.where.removeprefix(f"{path}: ")
            left_out.add("rows without a picture", where)
            continue
        name = str(key) if entry.name is None else entry.name
        place: Any = (name, entry.identity) if key is None else key
        known = pictures.get(place)
        if known is None:
            pictures[place] = Picture(
                posix_path(name).stem if key is None else key,
                name,
                list(entry.captions),
                split=entry.split,
                size=entry.size,
                is_named=key is None,
                place=entry.place,
            )
        else:
            _add(known, entry, name, left_out)
    return list(pictures.values())


def _add(picture: Picture, entry: _Entry, name: str, left_out: LeftOut) -> None:
    """Adds the captions of a further row of a picture."""
    if picture.split != entry.split:
        raise InputError(
            f"{entry.where}: {name} is in another split than on an earlier "
            "line; an image belongs to one split"
        )
    if picture.file != name:
        raise InputError(
            f"{entry.where}: image id {picture.image_id} appears twice "
            f"({picture.file} and {name}); give each image its own id"
        )
    assert picture.captions is not None
    if entry.many and set(entry.captions) <= set(picture.captions):
        left_out.add("repeated images", entry.where)
        return
    picture.captions.extend(entry.captions)


def _identify(entries: list[_Entry]) -> None:
    """Tells rows apart that have one name and hold different pictures."""
    placed = [entry for entry in entries if entry.name and entry.place]
    counts = collections.Counter(entry.name for entry in placed)
    idless = {entry.name for entry in placed if entry.image_id is None}
    again = [
        entry
        for entry in placed
        if counts[entry.name] > 1 and entry.name in idless
    ]
    known = identities(entry.place for entry in again if entry.place)
    for entry in again:
        entry.identity = known[entry.place] if entry.place else None


def _complete(entries: list[_Entry]) -> None:
    """Gives rows without an id that of their name, and the other way round.

    Where other rows have several ids for the name, or names for the id, none
    is taken.
    """
    for kind in ("image_id", "row_id"):
        ids, names = _Known(), _Known()
        for entry in entries:
            key = getattr(entry, kind)
            if entry.name is not None and key is not None:
                ids.add((entry.name, entry.identity), key)
                names.add(key, entry.name)
        for entry in entries:
            key = getattr(entry, kind)
            if key is None and entry.name is not None:
                found = ids.only((entry.name, entry.identity))
                setattr(entry, kind, found)
            elif entry.name is None and key is not None:
                entry.name = names.only(key)


class _Known:
    """Values that rows have for a key."""

    def __init__(self) -> None:
        self._values: dict[Hashable, set[Any]] = collections.defaultdict(set)

    def add(self, key: Hashable, value: Any) -> None:
        self._values[key].add(value)

    def only(self, key: Hashable) -> Any:
        """The value of a key if there is one alone, else None."""
        values = self._values.get(key, ())
        return next(iter(values)) if len(values) == 1 else None


def _numbers_captions(entries: list[_Entry]) -> bool:
    """Whether `id` differs between rows of one text of the same file."""
    ids: dict[Hashable, int | str | None] = {}
    for entry in entries:
        if entry.image_id is None and entry.name and not entry.many:
            picture = (entry.name, entry.identity)
            first = ids.setdefault(picture, entry.row_id)
            if first != entry.row_id:
                return True
    return False


def _parse_row(
    path: Path,
    bare: bool,
    left_out: LeftOut,
    line: str,
    row: Mapping[str, Any],
    place: Path | None = None,
) -> _Entry | None:
    """The cells of a row; None, and counted, where they name no picture."""
    where = f"{path}: {line}"
    columns = Columns.of(row)
    if not columns.captions and not bare:
        raise InputError(
            f"{where}: 'caption' is missing; there are {describe_names(row)}, "
            f"and due is {WHAT_WOULD_DO}"
        )
    name = _first(parse_name, row, columns.image, where)
    image_id = _first(parse_id, row, columns.image_id, where)
    row_id = _first(parse_id, row, columns.row_id, where)
    if name is None and image_id is None and row_id is None:
        if columns.image or columns.image_id:
            left_out.add("rows without a picture", line)
            return None
        raise InputError(
            f"{where}: 'image' is missing; there are "
            f"{describe_names(row)}, and due is {WHAT_WOULD_DO}"
        )
    split = next((row[n] for n in columns.split if not is_null(row[n])), None)
    captions = [] if bare else _captions(row, columns, where)
    many = bare or isinstance(row[columns.captions[0]], (list, tuple))
    return _Entry(
        where,
        name,
        image_id,
        row_id,
        captions,
        many or len(captions) > 1,
        None if split in (None, "") else parse_split(split, where),
        read_size(row, where),
        place,
    )


def _captions(
    row: Mapping[str, Any], columns: Columns, where: str
) -> list[str]:
    captions = [
        text
        for name in columns.captions
        for text in parse_captions(row[name], name, where)
    ]
    if len(columns.captions) > 1:
        # Wide tables have fewer captions for some pictures.
        return [text for text in captions if text] or captions[:1]
    return captions


def _first(
    parse: Any, row: Mapping[str, Any], names: Iterable[str], where: str
) -> Any:
    """The first of these columns that has a value."""
    values = (parse(row[name], name, where) for name in names)
    return next((value for value in values if value is not None), None)

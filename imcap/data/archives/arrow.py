"""Parquet and Arrow files, read by row group or row."""

import collections
import functools
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Protocol

from imcap.data.archives.archive import (
    numbered,
    row_of,
    temporary_file,
)
from imcap.data.captions.fields import IMAGE_NAMES, Columns, squeeze
from imcap.errors import InputError

PARQUET, ARROW = b"PAR1", b"ARROW1"
WORDS = ("image", "img", "jpg", "jpeg", "png", "webp", "picture", "photo")
KEPT = 1 << 28  # bytes of pictures of row groups that stay in memory
ROWS = 64  # at a time, where a row group is larger than that


def import_arrow(path: Path) -> Any:
    """The package pyarrow; InputError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise InputError(
            f"{path}: this needs pyarrow: pip install 'imcap[arrow]'; or save "
            "the captions as CSV or JSON lines, and pictures as files"
        ) from None
    return pyarrow


def unreadable(path: Path, error: Exception, part: str = "") -> InputError:
    """What to say of a file, or a part of it, that Arrow does not read."""
    line = " ".join(str(error).split())
    return InputError(
        f"{path}: {part}cannot be read ({line}); fetch or write it again"
    )


def picture_column(schema: Any, name: str | None = None) -> str | None:
    """The column that holds bytes of pictures; None where there is none.

    That is a column of {bytes, path}, as Hugging Face's datasets have it, or
    of bytes; of several, the one that is called most like a picture.

    Args:
        schema: `pyarrow.Schema`.
        name: the column that is wanted, if it holds bytes.
    """
    import pyarrow as pa

    def is_bytes(kind: Any) -> bool:
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    ranked = []
    for place, column in enumerate(schema.names):
        kind = schema.field(place).type
        is_object = pa.types.is_struct(kind)
        if is_object:
            inner = kind.get_field_index("bytes")
            if inner < 0 or not is_bytes(kind.field(inner).type):
                continue
        elif not is_bytes(kind):
            continue
        if column == name:
            return name
        plain = squeeze(column)
        likeness = (plain in IMAGE_NAMES) + any(w in plain for w in WORDS)
        if is_object or likeness or plain in ("bytes", "data", "content"):
            ranked.append((-likeness, not is_object, place, column))
    return min(ranked)[-1] if ranked else None


class _Rows(Protocol):
    """Cells of some rows: bytes, {bytes, path} or None."""

    size: int

    def __getitem__(self, row: int) -> Any: ...


class _InMemory:
    """Cells of an Arrow column in memory, or mapped into it."""

    def __init__(self, column: Any) -> None:
        self.column = column
        self.size = int(column.nbytes)

    def __getitem__(self, row: int) -> Any:
        return self.column[row].as_py()


class _OnDisk:
    """Cells of a large row group, copied to a temporary file."""

    size = 0

    def __init__(self, batches: Iterator[Any], name: str) -> None:
        self.file = temporary_file(self)
        self.places: list[tuple[int, int, str | None]] = []
        for batch in batches:
            for cell in batch.column(name).to_pylist():
                data, path = parse_cell(cell)
                size = -1 if data is None else self.file.write(data)
                offset = self.file.tell() - max(size, 0)
                self.places.append((offset, size, path))

    def __getitem__(self, row: int) -> Any:
        offset, size, path = self.places[row]
        if size < 0:
            return {"bytes": None, "path": path}
        self.file.seek(offset)
        return self.file.read(size)


def native_path(path: Path) -> bytes:
    """A path for pyarrow, which takes text of UTF-8 only, but any bytes."""
    return os.fsencode(path)


def parse_cell(cell: Any) -> tuple[bytes | None, str | None]:
    """The bytes and the path in a cell, either of which may be None."""
    if isinstance(cell, dict):
        path = cell.get("path")
        return cell.get("bytes"), path if isinstance(path, str) else None
    return cell, None


class ArrowArchive:
    """A Parquet file, or a stream or file of Arrow.

    Pictures are named by their rows, from 0. Of Parquet, whole row groups
    are read: the last ones stay in memory; one that is too large for that
    is copied to a temporary file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._groups: collections.OrderedDict[tuple[int, str], _Rows] = (
            collections.OrderedDict()
        )
        with open(path, "rb") as file:
            self._head = file.read(len(ARROW))

    @functools.cached_property
    def _table(self) -> Any:
        """Arrow's table, mapped into memory; None of Parquet."""
        pa = import_arrow(self.path)
        if self._head.startswith(PARQUET):
            return None
        stream = pa.memory_map(native_path(self.path))
        if self._head == ARROW:
            return pa.ipc.open_file(stream).read_all()
        return pa.ipc.open_stream(stream).read_all()

    @functools.cached_property
    def _metadata(self) -> Any:
        pa = import_arrow(self.path)
        with pa.OSFile(native_path(self.path)) as file:
            return pa.parquet.read_metadata(file)

    @functools.cached_property
    def _starts(self) -> list[int]:
        """The first row of each row group, and the number of rows."""
        if self._table is not None:
            return [0, self._table.num_rows]
        starts = [0]
        for group in range(self._metadata.num_row_groups):
            starts.append(starts[-1] + self._metadata.row_group(group).num_rows)
        return starts

    @functools.cached_property
    def _schema(self) -> Any:
        if self._table is None:
            return self._metadata.schema.to_arrow_schema()
        return self._table.schema

    @functools.cached_property
    def _column(self) -> str:
        schema = self._schema
        name = picture_column(schema)
        if name is None:
            raise InputError(
                f"{self.path}: no column with the bytes of pictures; its "
                f"columns are {', '.join(schema.names)}"
            )
        return name

    def members(self, endings: Collection[str]) -> list[str]:
        """The rows' numbers, each with the name that its row has."""
        with self._lock, _Readable(self.path):
            places = [
                numbered(self.path, row, name)
                for row, name in enumerate(self._names())
            ]
        return [place.relative_to(self.path).as_posix() for place in places]

    def _names(self) -> list[str | None]:
        """What rows call their pictures: beside the bytes, or in a column."""
        pa = import_arrow(self.path)
        kind = self._schema.field(self._column).type
        name, inner = self._column, "path"
        if not pa.types.is_struct(kind) or kind.get_field_index(inner) < 0:
            texts = (
                one
                for one in Columns.of(self._schema.names).image
                if pa.types.is_string(self._schema.field(one).type)
            )
            name, inner = next(texts, ""), ""
        if not name:
            return [None] * self._starts[-1]
        if self._table is None:
            leaf = f"{name}.{inner}" if inner else name
            with (
                pa.OSFile(native_path(self.path)) as stream,
                pa.parquet.ParquetFile(stream) as file,
            ):
                table = file.read([leaf])
        else:
            table = self._table.select([name])
        column = table.column(name)
        if inner:
            column = pa.compute.struct_field(column, inner)
        return [
            cell if isinstance(cell, str) else None
            for cell in column.to_pylist()
        ]

    def read(self, member: str) -> bytes:
        """The bytes in a row, or of the file beside that it names."""
        row, column = row_of(self.path, member)
        with self._lock, _Readable(self.path):
            if row >= self._starts[-1]:
                raise InputError(
                    f"{self.path / member}: there are {self._starts[-1]} rows"
                )
            group = next(
                place for place, end in enumerate(self._starts[1:]) if row < end
            )
            if column and picture_column(self._schema, column) != column:
                raise InputError(
                    f"{self.path / member}: no column {column!r} with bytes"
                )
            rows = self._group(group, column or self._column)
            data, path = parse_cell(rows[row - self._starts[group]])
        if data is None and path is not None:
            with _Readable(self.path / member):
                return (self.path.parent / path).read_bytes()
        if data is None:
            raise InputError(f"{self.path / member}: no picture in the row")
        return data

    def _group(self, number: int, column: str) -> _Rows:
        """The cells of a row group; the latest are kept."""
        key = number, column
        if key not in self._groups:
            self._groups[key] = self._read_group(number, column)
        self._groups.move_to_end(key)
        while (
            len(self._groups) > 1
            and sum(rows.size for rows in self._groups.values()) > KEPT
        ):
            self._groups.popitem(last=False)
        return self._groups[key]

    def _read_group(self, number: int, column: str) -> _Rows:
        if self._table is not None:
            return _InMemory(self._table.column(column))
        pa = import_arrow(self.path)
        schema = self._metadata.schema
        paths = [
            schema.column(place).path for place in range(len(schema.names))
        ]
        wanted = {column, f"{column}.bytes", f"{column}.path"}
        leaves = [path for path in paths if path in wanted]
        group = self._metadata.row_group(number)
        size = sum(
            group.column(place).total_uncompressed_size
            for place in range(group.num_columns)
            if group.column(place).path_in_schema in wanted
        )
        known = self._metadata
        with (
            pa.OSFile(native_path(self.path)) as stream,
            pa.parquet.ParquetFile(stream, metadata=known) as file,
        ):
            if size > KEPT:
                batches = file.iter_batches(ROWS, [number], leaves)
                return _OnDisk(batches, column)
            table = file.read_row_group(number, leaves)
            return _InMemory(table.column(column))


class _Readable:
    """Context in which Arrow's errors become InputError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, InputError) or error is None:
            return
        pa = import_arrow(self.path)
        kinds = (pa.lib.ArrowException, OSError, ValueError, OverflowError)
        if isinstance(error, kinds):
            raise unreadable(self.path, error) from None

"""Captions in Apache Arrow: Parquet, and datasets of `save_to_disk`."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from imcap.data.archives.archive import numbered
from imcap.data.archives.arrow import (
    PARQUET,
    import_arrow,
    native_path,
    picture_column,
    unreadable,
)
from imcap.data.archives.places import PARQUETS, find_archives
from imcap.data.captions.assembly import LeftOut, Picture
from imcap.data.captions.fields import (
    WHAT_WOULD_DO,
    Columns,
    describe_names,
    stated_image,
)
from imcap.data.captions.folders import add_told_splits, split_in_name
from imcap.data.captions.formats import CaptionFile, Parsed, require
from imcap.data.captions.rows import PlacedRow, pictures_of_rows
from imcap.errors import InputError
from imcap.files import escape, read_json


class ParquetFormat:
    """A Parquet file, or a folder of them, as Hugging Face has datasets.

    The pictures may be in it: a column of {bytes, path}, or of bytes. The
    split is that of a column, or else told by the file's name.
    """

    description = ".parquet"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is one, by its first bytes, or holds some."""
        if file.is_folder:
            return bool(find_archives(file.path, PARQUETS))
        return file.head.startswith(PARQUET)

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of rows it has."""
        if not file.is_folder:
            return _parsed(file.path, [(file.path, None)])
        files = [
            (
                path,
                split_in_name(
                    PurePosixPath(path.relative_to(file.path).as_posix())
                ),
            )
            for path in find_archives(file.path, PARQUETS)
        ]
        return _parsed(file.path, files)


class SavedDatasetFormat:
    """A folder that `datasets.save_to_disk` wrote, with splits or without."""

    description = "folders of datasets.save_to_disk"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether the notes of such a dataset lie in it."""
        return file.is_folder and any(
            (file.path / name).exists()
            for name in ("dataset_dict.json", "state.json")
        )

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of rows it has."""
        remedy = "save the dataset again"
        path = file.path / "dataset_dict.json"
        names: list[str | None] = [None]
        if path.exists():
            names = require(read_json(path, remedy), "splits", list, path)
        files = []
        for name in names:
            folder = file.path / str(name) if name else file.path
            split = split_in_name(PurePosixPath(str(name)))
            state = folder / "state.json"
            entries = require(
                read_json(state, remedy), "_data_files", list, state
            )
            for entry in entries:
                data = require(entry, "filename", str, state)
                files.append((folder / data, split))
        if not files:
            notes = path if path.exists() else file.path / "state.json"
            raise InputError(f"{notes}: there is no data in it; {remedy}")
        return _parsed(file.path, files)


def _parsed(path: Path, files: list[tuple[Path, str | None]]) -> Parsed:
    """The pictures of the rows of all files, each with the split it tells."""
    left_out = LeftOut()
    pictures: list[Picture] = []
    told: list[str | None] = []
    for file, split in files:
        name = file.name if file == path else str(file.relative_to(path))
        rows = _rows(file, PurePosixPath(Path(name).as_posix()))
        of_file = pictures_of_rows(file, rows, left_out)
        pictures += of_file
        told += [split] * len(of_file)
    add_told_splits(pictures, told)
    return Parsed(pictures, left_out=left_out)


def _rows(path: Path, name: PurePosixPath) -> Iterator[PlacedRow]:
    """The rows of one file, without the bytes of pictures.

    A picture that only has its bytes is called after its file and row.
    """
    arrow = import_arrow(path).lib
    number, stated = 0, stated_image()
    try:
        for batch, schema in _batches(path):
            if not number:
                _check_columns(path, schema)
            pictures = picture_column(schema, stated)
            told = stated if pictures == stated else None
            for row in _read_rows(path, batch):
                if told is not None and _is_nameless(row[told]):
                    del row[told]  # names are in another column
                columns = Columns.of(row)
                cells = [row[n] for n in columns.image + columns.image_id]
                if all(_is_nameless(cell) for cell in cells):
                    row["image"] = escape(str(name / str(number)))
                place = None
                if pictures is not None:
                    named = _picture_name(row, columns)
                    place = numbered(path, number, named, told)
                yield f"row {number}", row, place
                number += 1
    except (arrow.ArrowException, OSError) as error:
        raise unreadable(path, error) from None


def _read_rows(path: Path, batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of a batch; of columns that say nothing here, no values.

    Arrow has values that Python has no type for, as dates of the year
    146,138,512,313 and text that is no UTF-8.
    """
    names = batch.schema.names
    wanted = {"width", "height"}
    # Where the stated column holds bytes alone, another one has the names.
    for known in (names, [name for name in names if name != stated_image()]):
        columns = dataclasses.asdict(Columns.of(known))
        wanted.update(itertools.chain.from_iterable(columns.values()))
    read: dict[str, list[Any]] = {}
    for name, column in zip(names, batch.columns, strict=True):
        if name in wanted:
            try:
                read[name] = column.to_pylist()
            except (ValueError, OverflowError) as error:
                raise unreadable(path, error, f"column {name!r} ") from None
    for values in zip(*read.values(), strict=True):
        yield dict(zip(read, values, strict=True))


def _is_nameless(cell: Any) -> bool:
    return cell is None or (isinstance(cell, dict) and not cell.get("path"))


def _picture_name(row: dict[str, Any], columns: Columns) -> str | None:
    """What a row calls its picture, for people; None without a name."""
    cells = (row[name] for name in columns.image)
    paths = (c.get("path") if isinstance(c, dict) else c for c in cells)
    return next((path for path in paths if isinstance(path, str)), None)


def _check_columns(path: Path, schema: Any) -> None:
    """Refuses a file without captions, or without pictures and names."""
    columns = Columns.of(schema.names)
    names = columns.image or columns.image_id or picture_column(schema)
    if not columns.captions or not names:
        raise InputError(
            f"{path}: no captions; its columns are "
            f"{describe_names(schema.names)}, and due is {WHAT_WOULD_DO}"
        )


def _batches(path: Path) -> Iterator[tuple[Any, Any]]:
    """Record batches without bytes, and the schema with them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open(path, "rb") as file:
        is_parquet = file.read(4) == PARQUET
    if is_parquet:
        with (
            pa.OSFile(native_path(path)) as stream,
            pq.ParquetFile(stream) as parquet,
        ):
            for batch in parquet.iter_batches(columns=_leaves(parquet)):
                schema = parquet.schema_arrow
                yield _with_bare_images(batch, schema), schema
        return
    with pa.memory_map(native_path(path)) as stream:
        for batch in pa.ipc.open_stream(stream):
            yield _without_bytes(batch), batch.schema


def _leaves(parquet: Any) -> list[str]:
    """The columns of a Parquet file that hold no bytes."""
    schema = parquet.schema
    leaves = [schema.column(place) for place in range(len(schema.names))]
    return [
        leaf.path
        for leaf in leaves
        if leaf.physical_type != "BYTE_ARRAY"
        or leaf.logical_type.type == "STRING"
    ]


def _with_bare_images(batch: Any, schema: Any) -> Any:
    """The batch, with an empty column for one that was all bytes."""
    import pyarrow as pa

    for name in schema.names:
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.nulls(batch.num_rows))
    return batch


def _without_bytes(batch: Any) -> Any:
    """The batch; bytes are null, as they are in objects with them."""
    import pyarrow as pa

    names, columns = [], []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            column = pa.nulls(len(column))
        elif pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            inner = kind.get_field_index("path")
            paths = (
                column.field("path") if inner >= 0 else pa.nulls(len(column))
            )
            column = pa.StructArray.from_arrays([paths], ["path"])
        names.append(name)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names)

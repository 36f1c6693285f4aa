"""Bottom-up TSV files to the one array of a `*_precomp` folder."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from imcap.data.features.region_rows import (
    BadRow,
    RegionRow,
    RowParser,
    decode_row,
    numbered_lines,
)
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write


def convert_regions(
    paths: Sequence[StrPath],
    ids: Sequence[str],
    folder: StrPath,
    split: str,
    advance: Callable[[int], object] = lambda count: None,
) -> tuple[int, ...]:
    """Writes {split}_ims.npy and {split}_ids.txt, whole or not at all.

    Rows are the different ids in order of appearance; {split}_ids.txt
    repeats `ids` as they are, one a caption where they are one a caption.
    Only one row of a TSV is in memory at a time.

    Args:
        paths: TSV files, see `imcap.data.features.bottom_up`.
        ids: list of str, one an image or one a caption.
        folder: the folder to write to.
        split: str, start of the files' names.
        advance: called with the number of bytes of each line dealt with.

    Returns:
        The array's shape (n, K, D).

    Raises:
        InputError: an id that no good row has, or pictures of unequal
            number of regions.

    Example:
        >>> convert_regions(["train.tsv"], ["139", "285"], "f30k", "train")
        (2, 36, 2048)
    """
    rows = {name: row for row, name in enumerate(dict.fromkeys(ids))}
    if not rows:
        raise InputError("the list of ids is empty; give one a line")
    folder = Path(folder)
    with atomic_write(folder / f"{split}_ims.npy") as partial:
        shape = _write_regions(partial, paths, rows, advance)
    with atomic_write(folder / f"{split}_ids.txt") as partial:
        partial.write_text("".join(f"{name}\n" for name in ids))
    return shape


def _write_regions(
    file: Path,
    paths: Sequence[StrPath],
    rows: dict[str, int],
    advance: Callable[[int], object],
) -> tuple[int, ...]:
    """Writes the array, row by row of the TSVs, and returns its shape."""
    array: np.ndarray | None = None
    converted: set[str] = set()
    bad: list[str] = []
    for path, number, row in _rows(paths, advance):
        if row.image_id not in rows and isinstance(row, RegionRow):
            continue
        try:
            features = _features(row)
        except ValueError as error:
            bad.append(f"{path}: line {number}: {error}")
            continue
        if array is None:
            shape = (len(rows), *features.shape)
            array = np.lib.format.open_memmap(file, "w+", "float32", shape)
        if features.shape != array.shape[1:]:
            raise InputError(
                f"{path}: line {number}: regions of shape {features.shape}, "
                f"those before have {array.shape[1:]}; pictures of unequal "
                "number go through utils/make_bu_data.py"
            )
        array[rows[row.image_id]] = features
        converted.add(row.image_id)
    absent = [name for name in rows if name not in converted]
    if array is None or absent:
        damaged = f"; {len(bad)} rows are damaged, {bad[0]}" if bad else ""
        raise InputError(
            f"{paths[0]}: no row of image {absent[0]!r} and "
            f"{len(absent) - 1} others of the list; give all its files"
            f"{damaged}"
        )
    array.flush()  # type: ignore[attr-defined]
    return array.shape


def _rows(
    paths: Sequence[StrPath], advance: Callable[[int], object]
) -> Iterator[tuple[StrPath, int, RegionRow | BadRow]]:
    """Yields (file, number of the line, row) of all files."""
    for path in paths:
        parser = RowParser()
        for number, line in numbered_lines(path):
            for row in parser.parse(line):
                yield path, number, row
            advance(len(line))


def _features(row: RegionRow | BadRow) -> np.ndarray:
    """Features (n, D) of a row; ValueError where they cannot be used."""
    if isinstance(row, BadRow):
        raise ValueError(row.reason)
    return decode_row(row)[1]

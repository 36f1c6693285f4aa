"""Bottom-up TSV files to the one array of a `*_precomp` folder."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from imcap.data.features.bottom_up import decode_row, numbered_lines, parse_row
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
        InputError: an id that no row has, pictures of unequal number of
            regions, a damaged row.

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
    converted = set()
    for path, number, line in _lines(paths, advance):
        try:
            wanted = _wanted(line, rows)
            if wanted is None:
                continue
            name, features = wanted
            if array is None:
                shape = (len(rows), *features.shape)
                array = np.lib.format.open_memmap(file, "w+", "float32", shape)
            if features.shape != array.shape[1:]:
                raise ValueError(
                    f"regions of shape {features.shape}, those before "
                    f"have {array.shape[1:]}; pictures of unequal number "
                    "go through utils/make_bu_data.py"
                )
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}") from None
        array[rows[name]] = features
        converted.add(name)
    absent = [name for name in rows if name not in converted]
    if array is None or absent:
        raise InputError(
            f"{paths[0]}: no row of image {absent[0]!r} and "
            f"{len(absent) - 1} others of the list; give all its files"
        )
    array.flush()  # type: ignore[attr-defined]
    return array.shape


def _lines(
    paths: Sequence[StrPath], advance: Callable[[int], object]
) -> Iterator[tuple[StrPath, int, bytes]]:
    """Yields (file, number, line) of all files."""
    for path in paths:
        for number, line in numbered_lines(path):
            if line.strip():
                yield path, number, line
            advance(len(line))


def _wanted(line: bytes, rows: dict[str, int]) -> tuple[str, np.ndarray] | None:
    """Id and features (n, D) of a line, None where nobody asks."""
    row = parse_row(line)
    if row.image_id not in rows:
        return None
    return row.image_id, decode_row(row)[1]

"""Bottom-up features: a TSV of regions in, one file a picture out."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imcap.data.features.array_files import UNREADABLE
from imcap.data.features.ids import file_stem
from imcap.data.features.region_rows import (
    BadRow,
    RegionRow,
    RowParser,
    decode_row,
    numbered_lines,
)
from imcap.data.pictures.sizes import BOXES, SIZES, read_sizes
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write, write_json

BAD_ROWS = "_bad_rows.json"


class Conversion(NamedTuple):
    """What came of TSV files.

    Attributes:
        written: pictures written now.
        total: rows read, the bad ones included.
        bad: dicts of file, line, id and reason, of rows left out.
        note: NAME_bad_rows.json, which lists them; not there if none are.
    """

    written: int
    total: int
    bad: list[dict[str, str | int]]
    note: Path


def find_bottom_up_files(path: StrPath) -> list[Path]:
    """Finds the TSV files of a folder (NAME.tsv, NAME.tsv.0 …), or one file.

    Raises:
        InputError: no such path, or a folder without them.
    """
    path = Path(path)
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        raise InputError(f"{path}: no such file or folder; mend the path")
    found = sorted(
        file for file in path.iterdir()
        if re.search(r"\.tsv(\.\d+)?$", file.name) and file.is_file()
    )  # fmt: skip
    if not found:
        raise InputError(f"{path}: no .tsv in it; unpack the features there")
    return found


class RegionFolders:
    """Folders of region features: NAME_att, NAME_fc and NAME_box.

    NAME_att/ID.npz (key feat), NAME_fc/ID.npy and NAME_box/ID.npy hold the
    features (n, D), their mean (D,) and the boxes (n, 4) in pixels, all
    float32. Every file is whole or absent, and named by `file_stem`.
    NAME_sizes.json holds {id: [width, height]}, without which the boxes
    mean little.

    Args:
        name: start of the paths.

    Example:
        >>> folders = RegionFolders("data/cocobu")
        >>> folders.write("139", boxes, features)
    """

    def __init__(self, name: StrPath) -> None:
        name = Path(name)
        self.attended, self.pooled, self.boxes = (
            name.with_name(name.name + end) for end in ("_att", "_fc", BOXES)
        )
        self.note = name.with_name(name.name + SIZES)
        self.sizes = read_sizes(self.note) if self.note.exists() else {}
        for folder in (self.attended, self.pooled, self.boxes):
            folder.mkdir(parents=True, exist_ok=True)
        earlier = next(self.pooled.glob("[!.]*.npy"), None)
        self.channels = _width(earlier) if earlier else None

    def __contains__(self, image_id: str) -> bool:
        return all(os.path.exists(path) for path in self._paths(image_id))

    def holds(self, row: RegionRow) -> bool:
        """Whether all files of a row are there."""
        attended, pooled, boxes = self._paths(row.image_id)
        found = attended.exists() and pooled.exists()
        return found and (boxes.exists() or not row.boxes)

    def write(
        self, image_id: str, boxes: np.ndarray | None, features: np.ndarray
    ) -> None:
        """Writes the regions of one picture; no boxes make no file.

        Raises:
            ValueError: features of another width than the pictures before.
        """
        self.channels = self.channels or features.shape[1]
        if features.shape[1] != self.channels:
            raise ValueError(
                f"features are {features.shape[1]:,} wide, those of other "
                f"pictures {self.channels:,}"
            )
        attended, pooled, box = self._paths(image_id)
        with atomic_write(attended, ".npz", durable=False) as partial:
            np.savez_compressed(partial, feat=features)
        for path, values in ((pooled, features.mean(axis=0)), (box, boxes)):
            if values is None:
                continue
            with atomic_write(path, ".npy", durable=False) as partial:
                np.save(partial, values)

    def write_sizes(self) -> None:
        """Writes NAME_sizes.json of the sizes known so far."""
        write_json(self.note, self.sizes)

    def _paths(self, image_id: str) -> tuple[Path, Path, Path]:
        stem = file_stem(image_id)
        return (
            self.attended / f"{stem}.npz",
            self.pooled / f"{stem}.npy",
            self.boxes / f"{stem}.npy",
        )


def _width(file: Path) -> int:
    """Width of the features that an earlier, interrupted run wrote."""
    try:
        with open(file, "rb") as stream:
            return np.load(stream).size
    except UNREADABLE:
        raise InputError(f"{file}: damaged; remove it") from None


def convert_bottom_up(
    paths: Sequence[StrPath],
    name: StrPath,
    advance: Callable[[int], object] = lambda count: None,
) -> Conversion:
    """Turns TSV files into folders of regions, one row in memory at a time.

    Pictures whose files are there already are passed over, so the same call
    again takes up where an earlier one was stopped. A bad row is left out
    and listed in NAME_bad_rows.json.

    Args:
        paths: TSV files, see `imcap.data.features.region_rows`.
        name: start of the folders' names, see `RegionFolders`.
        advance: called with the number of bytes of each line dealt with.

    Returns:
        A `Conversion`.

    Raises:
        InputError: no row, or none that can be used, by file and line.

    Example:
        >>> files = find_bottom_up_files("data/bu_data")
        >>> convert_bottom_up(files, "data/cocobu").total
        123287
    """
    folders = RegionFolders(name)
    note = Path(name).with_name(Path(name).name + BAD_ROWS)
    bad: list[dict[str, str | int]] = []
    written = total = 0
    try:
        for path in paths:
            parser = RowParser()
            for number, line in numbered_lines(path):
                for row in parser.parse(line):
                    total += 1
                    result = _convert(row, folders)
                    if not isinstance(result, BadRow):
                        written += result
                        continue
                    bad.append(
                        {
                            "file": str(path),
                            "line": number,
                            "id": result.image_id,
                            "reason": result.reason,
                        }
                    )
                advance(len(line))
    finally:
        folders.write_sizes()
        note.unlink(missing_ok=True)
        if bad:
            write_json(note, bad, indent=1)
    _check_used(paths, total, bad)
    return Conversion(written, total, bad, note)


def _convert(row: RegionRow | BadRow, folders: RegionFolders) -> bool | BadRow:
    """Writes the picture of a row; False where it was there already."""
    if isinstance(row, BadRow):
        return row
    done = folders.holds(row)
    if not done:
        try:
            folders.write(row.image_id, *decode_row(row))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            return BadRow(row.image_id, str(error))
    if row.width and row.height:
        folders.sizes[row.image_id] = (row.width, row.height)
    return not done


def _check_used(
    paths: Sequence[StrPath], total: int, bad: Sequence[dict[str, str | int]]
) -> None:
    """Refuses files of which no row can be used."""
    if not total:
        raise InputError(f"{paths[0]}: no row in it; download it again")
    if len(bad) == total:
        raise InputError(
            f"{bad[0]['file']}: line {bad[0]['line']}: {bad[0]['reason']}; "
            f"nor can any other of {total} rows be used: download the file "
            "again and repeat the command"
        )

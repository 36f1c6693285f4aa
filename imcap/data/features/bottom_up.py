"""Bottom-up features: a TSV of regions in, one file a picture out.

A row is image_id, image_w, image_h, num_boxes, boxes, features between tabs,
without a header; the last two are base64 of float32, (n, 4) and (n, D).
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imcap.data.pictures.sizes import BOXES, SIZES, read_sizes
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write, write_json

FIELDS = ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features")

# A row of 100 regions, 2048 wide, takes 1.1 MB: nothing near this is a row.
LONGEST_ROW = 1 << 26


class RegionRow(NamedTuple):
    """A row of the TSV, its boxes and features still base64."""

    image_id: str
    width: int
    height: int
    regions: int
    boxes: bytes
    features: bytes


def find_bottom_up_files(path: StrPath) -> list[Path]:
    """Finds the TSV files of a folder (NAME.tsv, NAME.tsv.0 …), or one file.

    Raises:
        InputError: no such path, or a folder without them.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder; mend the path")
    found = sorted(
        file for file in path.iterdir()
        if re.search(r"\.tsv(\.\d+)?$", file.name) and file.is_file()
    )  # fmt: skip
    if not found:
        raise InputError(f"{path}: no .tsv in it; unpack the features there")
    return found


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
            if len(line) == LONGEST_ROW and not line.endswith(b"\n"):
                raise InputError(
                    f"{path}: line {number} is longer than {LONGEST_ROW} "
                    "bytes; this is no TSV of regions"
                )
            yield number, line


def parse_row(line: bytes) -> RegionRow:
    """Parses a line of the TSV, all but the two base64 fields.

    Raises:
        ValueError: what is wrong with it.
    """
    fields = line.rstrip(b"\r\n").split(b"\t")
    if len(fields) != len(FIELDS):
        raise ValueError(f"{len(fields)} fields, a row has {len(FIELDS)}")
    name = fields[0].decode("utf-8")
    # An id names files: none may lead out of their folder.
    if not re.fullmatch(r"[^./\\\0][^/\\\0]*", name):
        raise ValueError(f"image_id {name!r} cannot be the name of a file")
    numbers = []
    for field, text in zip(FIELDS[1:4], fields[1:4], strict=True):
        if not text.isdigit() or not int(text):
            shown = text[:20].decode(errors="replace")
            raise ValueError(f"{field} {shown!r} is no number from 1 up")
        numbers.append(int(text))
    width, height, regions = numbers
    return RegionRow(name, width, height, regions, fields[4], fields[5])


def decode_row(row: RegionRow) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the base64 arrays of a row.

    Returns:
        Boxes (n, 4), pixels, and features (n, D), both float32.

    Raises:
        ValueError: base64 cut short, counts that disagree, values that are
            not finite.
    """
    boxes = _floats(row.boxes, "boxes")
    features = _floats(row.features, "features")
    if boxes.size != 4 * row.regions:
        raise ValueError(
            f"{boxes.size} corners of boxes for num_boxes {row.regions}"
        )
    if not features.size or features.size % row.regions:
        raise ValueError(
            f"{features.size} features for num_boxes {row.regions}"
        )
    return boxes.reshape(-1, 4), features.reshape(row.regions, -1)


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


class RegionFolders:
    """Folders of region features: NAME_att, NAME_fc and NAME_box.

    NAME_att/ID.npz (key feat), NAME_fc/ID.npy and NAME_box/ID.npy hold the
    features (n, D), their mean (D,) and the boxes (n, 4) in pixels, all
    float32. Every file is whole or absent. NAME_sizes.json
    holds {id: [width, height]}, without which the boxes mean little.

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
        return all(path.exists() for path in self._paths(image_id))

    def write(
        self, image_id: str, boxes: np.ndarray, features: np.ndarray
    ) -> None:
        """Writes the regions of one picture.

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
            with atomic_write(path, ".npy", durable=False) as partial:
                np.save(partial, values)

    def write_sizes(self) -> None:
        """Writes NAME_sizes.json of the sizes known so far."""
        write_json(self.note, self.sizes)

    def _paths(self, image_id: str) -> tuple[Path, Path, Path]:
        return (
            self.attended / f"{image_id}.npz",
            self.pooled / f"{image_id}.npy",
            self.boxes / f"{image_id}.npy",
        )


def _width(file: Path) -> int:
    """Width of the features that an earlier, interrupted run wrote."""
    try:
        return np.load(file).size
    except (OSError, ValueError, EOFError):
        raise InputError(f"{file}: damaged; remove it") from None


def convert_bottom_up(
    paths: Sequence[StrPath],
    name: StrPath,
    advance: Callable[[int], object] = lambda count: None,
) -> tuple[int, int]:
    """Turns TSV files into folders of regions, one row in memory at a time.

    Pictures whose files are there already are passed over, so the same call
    again takes up where an earlier one was stopped.

    Args:
        paths: TSV files.
        name: start of the folders' names, see `RegionFolders`.
        advance: called with the number of bytes of each line dealt with.

    Returns:
        (written, total): pictures written now, and rows read.

    Raises:
        InputError: a damaged row, by file and line; what was written
            before it stays.

    Example:
        >>> files = find_bottom_up_files("data/bu_data")
        >>> convert_bottom_up(files, "data/cocobu")
        (123287, 123287)
    """
    folders = RegionFolders(name)
    written = total = 0
    try:
        for path in paths:
            for number, line in numbered_lines(path):
                if line.strip():
                    with _located(path, number):
                        written += _convert(line, folders)
                    total += 1
                advance(len(line))
    finally:
        folders.write_sizes()
    if not total:
        raise InputError(f"{paths[0]}: no row in it; download it again")
    return written, total


def _convert(line: bytes, folders: RegionFolders) -> bool:
    """Writes the picture of a line; False where it was there already."""
    row = parse_row(line)
    done = row.image_id in folders
    if not done:
        folders.write(row.image_id, *decode_row(row))
    folders.sizes[row.image_id] = (row.width, row.height)
    return not done


@contextlib.contextmanager
def _located(path: StrPath, number: int) -> Iterator[None]:
    """Says in which line of which file something is wrong."""
    try:
        yield
    except InputError:
        raise
    except ValueError as error:
        raise InputError(
            f"{path}: line {number}: {error}; download the file again and "
            "repeat the command, it passes over what is done"
        ) from None

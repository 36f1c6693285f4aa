"""Positions of the locations of features, by image id."""

import os
from pathlib import Path

import numpy as np

from imcap.data.features.array_files import UNREADABLE
from imcap.data.features.boxes import (
    KINDS,
    are_relative,
    grid_positions,
    grid_side,
    grid_vectors,
    relative_boxes,
)
from imcap.data.features.ids import file_stem, stem_id
from imcap.data.features.store import FeatureStore
from imcap.data.ids import IdIndex
from imcap.data.pictures.sizes import BOXES, PictureSizes
from imcap.errors import InputError
from imcap.files import StrPath, read_json

NOTE = "positions.json"
MAKERS = {
    "boxes": "utils/prepro_bbox_relative_coords.py",
    "grid": "utils/prepro_areas.py",
}


def read_rows(file: StrPath, remedy: str) -> np.ndarray:
    """Reads one `.npy` of (n, P) numbers as float32.

    Args:
        file: its path.
        remedy: how a person mends a bad one, said in the message.

    Raises:
        InputError: missing, damaged, another shape, not finite.
    """
    try:
        with open(file, "rb") as stream:
            rows = np.load(stream)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; {remedy}") from None
    except UNREADABLE as error:
        line = " ".join(str(error).split())
        raise InputError(f"{file}: damaged ({line}); {remedy}") from None
    # np.load opens a .npz of this name as well.
    if not isinstance(rows, np.ndarray) or rows.ndim != 2:
        raise InputError(f"{file}: not an array of (n, P); {remedy}")
    if rows.dtype.kind not in "fiu" or not np.isfinite(rows).all():
        raise InputError(f"{file}: not finite numbers; {remedy}")
    return rows.astype("float32")


def to_relative_boxes(
    file: Path, boxes: np.ndarray, sizes: PictureSizes
) -> np.ndarray:
    """Normalises the boxes of one file, which may be relative already.

    Boxes with no corner beyond 1 are taken as relative already.

    Args:
        file: `Path`, named after the picture's id.
        boxes: (n, 4).
        sizes: a `PictureSizes`.

    Raises:
        InputError: not boxes, or pixels of a picture of unknown size.
    """
    try:
        if boxes.shape[1] == 4 and are_relative(boxes):
            return relative_boxes(boxes, 1, 1)
        return relative_boxes(
            boxes, *sizes.size(stem_id(file.name[: -len(".npy")]))
        )
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


class PositionReader:
    """Reads the positions of a picture's locations.

    They come out of `folder`, where one is given. Otherwise features that
    are a grid have the rectangles of its cells, and regions in NAME_att have
    the boxes in NAME_box.

    Args:
        store: the `FeatureStore` whose locations they are.
        kind: "boxes" for relative boxes (K, 4), "grid" for grid vectors
            (K, G).
        num_grids: G.
        folder: of `<id>.npy` with relative boxes, pixel boxes beside whose
            folder NAME_sizes.json lies, or grid vectors; None for none.

    Raises:
        InputError: an unknown kind, G is no square, no such folder, or one
            made for something else.

    Example:
        >>> reader = PositionReader(store, "boxes")
        >>> reader.read(139, 36).shape
        (36, 4)
    """

    def __init__(
        self,
        store: FeatureStore,
        kind: str,
        num_grids: int = 144,
        folder: StrPath | None = None,
    ) -> None:
        if kind not in KINDS:
            raise InputError(f"positions {kind!r}: know {KINDS}")
        grid_side(num_grids)
        self.store = store
        self.kind = kind
        self.num_grids = num_grids
        self.width = 4 if kind == "boxes" else num_grids
        self.folder = self._folder(folder)
        self._remedy = f"make it with {MAKERS[kind]}"
        self._files: tuple[IdIndex, list[Path]] | None = None
        self._cells: dict[tuple[int, int], np.ndarray] = {}
        if self.folder is not None:
            self._held = self._held_kind(self.folder)
            self._sizes = PictureSizes(self.folder)

    def read(self, image_id: int | str, count: int) -> np.ndarray:
        """Positions of one picture.

        Args:
            image_id: its id.
            count: K, the locations that its features have.

        Returns:
            (K, P) float32; do not write into it.

        Raises:
            InputError: a file that is missing, damaged or has another
                number of rows; no source at all.
        """
        if self.folder is not None:
            rows, source = self._from_folder(self.folder, image_id)
        else:
            rows, source = self._from_grid(image_id), self.store.path
        if len(rows) != count:
            raise InputError(
                f"{source}: positions of {len(rows)} locations for picture "
                f"{image_id!r}, whose features have {count}; make both from "
                "the same regions"
            )
        return rows

    def _folder(self, folder: StrPath | None) -> Path | None:
        """The folder to read from, or None where cells of grids serve."""
        if folder is not None:
            if not os.path.isdir(Path(folder)):
                raise InputError(
                    f"{folder}: no such folder of positions; make it with "
                    f"{MAKERS[self.kind]}"
                )
            return Path(folder)
        if self.store.ids and self.store.grid_of(self.store.ids[0]):
            return None
        name = self.store.path.name
        beside = self.store.path.with_name(name.removesuffix("_att") + BOXES)
        if name.endswith("_att") and beside.is_dir():
            return beside
        raise InputError(
            f"{self.store.path}: these features do not say where in the "
            f"picture they are; give a folder made with {MAKERS[self.kind]}"
        )

    def _held_kind(self, folder: Path) -> str | None:
        """Which kind the folder's note says it holds; None without."""
        note = folder / NOTE
        if not note.exists():
            return None
        values = read_json(note, self._remedy)
        held = values.get("kind") if isinstance(values, dict) else None
        if held not in KINDS or (self.kind == "boxes" and held == "grid"):
            raise InputError(
                f"{folder}: holds {held} positions, not {self.kind}; "
                f"make another folder with {MAKERS[self.kind]}"
            )
        if held == "grid" and values.get("num_grids") != self.num_grids:
            raise InputError(
                f"{note}: grids of {values.get('num_grids')} cells, the model "
                f"takes {self.num_grids}; use equal --num_grids"
            )
        return held

    def _from_folder(
        self, folder: Path, image_id: int | str
    ) -> tuple[np.ndarray, Path]:
        file = self._file(folder, image_id)
        rows = read_rows(file, f"{self._remedy} for all pictures")
        if self.kind == "grid" and self._held != "boxes":
            if rows.shape[1] == self.num_grids:
                return rows, file
            if self._held == "grid" or rows.shape[1] != 4:
                raise InputError(
                    f"{file}: rows of {rows.shape[1]} numbers, neither boxes "
                    f"nor {self.num_grids} cells; use equal --num_grids"
                )
        boxes = to_relative_boxes(file, rows, self._sizes)
        if self.kind == "boxes":
            return boxes, file
        return grid_vectors(boxes, self.num_grids), file

    def _file(self, folder: Path, image_id: int | str) -> Path:
        """The file of a picture, under its id or that of its features."""
        own = folder / f"{file_stem(image_id)}.npy"
        if own.exists():
            return own
        if self._files is None:
            files = sorted(folder.glob("[!.]*.npy"))
            self._files = IdIndex(stem_id(file.stem) for file in files), files
        index, files = self._files
        names = [image_id]
        if image_id in self.store:
            names.append(self.store.id_of(image_id))
        rows = [row for row in map(index.get, names) if row is not None]
        return files[rows[0]] if rows else own

    def _from_grid(self, image_id: int | str) -> np.ndarray:
        grid = self.store.grid_of(image_id)
        if grid is None:
            raise InputError(
                f"{self.store.path}: the features of picture {image_id!r} are "
                f"no grid; give a folder made with {MAKERS[self.kind]}"
            )
        if grid not in self._cells:
            cells = grid_positions(self.kind, grid, self.num_grids)
            self._cells[grid] = cells
        return self._cells[grid]

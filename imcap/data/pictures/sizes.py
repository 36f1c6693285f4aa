"""Width and height of pictures, from whatever knows them."""

import os
from pathlib import Path
from typing import Any

from imcap.data.ids import IdIndex
from imcap.data.pictures.encoded import picture_size
from imcap.data.pictures.finding import PictureFinder
from imcap.errors import InputError
from imcap.files import StrPath, read_json

BOXES, SIZES = "_box", "_sizes.json"


def sizes_path(box_folder: StrPath) -> Path | None:
    """Where the sizes to NAME_box lie: NAME_sizes.json, or None."""
    folder = Path(box_folder)
    if not folder.name.endswith(BOXES):
        return None
    return folder.with_name(folder.name.removesuffix(BOXES) + SIZES)


class PictureSizes:
    """Looks up the size of a picture by its id.

    Ids match as those of features do, see `imcap.data.ids.IdIndex`.

    Asked in this order: the sizes written beside the boxes, which are of
    the very pictures that the boxes were found in; `width` and `height` in
    a caption file; the header of the picture.

    Args:
        box_folder: NAME_box, beside which NAME_sizes.json may lie.
        input_json: captions with their pictures: Karpathy, COCO, coco_raw
            or cocotalk JSON; None for none.
        images_root: folder that the files named there start from; "" where
            no header is to be read.

    Raises:
        InputError: a file that is missing, damaged or of another format.

    Example:
        >>> PictureSizes("data/cocobu_box").size(139)
        (640, 426)
    """

    def __init__(
        self,
        box_folder: StrPath,
        input_json: StrPath | None = None,
        images_root: str = "",
    ) -> None:
        if images_root and not input_json:
            raise InputError(
                "--images_root needs --input_json, which says the file of "
                "each id"
            )
        if images_root and not os.path.isdir(images_root):
            raise InputError(f"{images_root}: no such folder of pictures")
        self._finder = PictureFinder(images_root) if images_root else None
        self.sizes: dict[str, tuple[int, int]] = {}
        self.files: dict[str, str | Path] = {}
        if input_json:
            self._read_captions(Path(input_json))
        beside = sizes_path(box_folder)
        if beside is not None and beside.exists():
            self.sizes.update(read_sizes(beside))
        self._sized = IdIndex(self.sizes)
        self._named = IdIndex(self.files)

    def size(self, image_id: int | str) -> tuple[int, int]:
        """(width, height) in pixels; InputError where nothing knows it."""
        sized = self._sized.find(image_id)
        if sized is not None:
            return self.sizes[sized]
        named = self._named.find(image_id) if self._finder else None
        if named is not None and self._finder:
            return picture_size(self._finder.find(str(self.files[named])))
        raise InputError(
            f"nothing says the size of picture {image_id}; give an "
            "--input_json that has width and height, or the folder of "
            "pictures besides"
        )

    def _read_captions(self, path: Path) -> None:
        values = read_json(path, "give the captions as JSON")
        entries = values.get("images") if isinstance(values, dict) else values
        if not isinstance(entries, list):
            raise InputError(f"{path}: no list of 'images'; give captions")
        for index, entry in enumerate(entries):
            where = f"{path}: images[{index}]"
            key, file = _name(entry, where)
            self.files[key] = file
            if "width" in entry and "height" in entry:
                pair = (entry["width"], entry["height"])
                self.sizes[key] = _pair(pair, where)


def read_sizes(path: StrPath) -> dict[str, tuple[int, int]]:
    """NAME_sizes.json as a dict of id to (width, height)."""
    values = read_json(path, "run make_bu_data.py again")
    if not isinstance(values, dict):
        raise InputError(f"{path}: no sizes by id; run make_bu_data.py again")
    return {key: _pair(pair, f"{path}: {key}") for key, pair in values.items()}


def _name(entry: Any, where: str) -> tuple[str, str | Path]:
    """Id as text, and file, of a picture in any of the formats."""
    if isinstance(entry, dict):
        file = entry.get("file_path") or entry.get("file_name")
        if "filename" in entry:
            file = Path(entry.get("filepath", ""), entry["filename"])
        for name in ("cocoid", "id", "imgid"):
            if name in entry and file is not None:
                return str(entry[name]), file
    raise InputError(f"{where}: no id and file of a picture; give captions")


def _pair(pair: Any, where: str) -> tuple[int, int]:
    """(width, height) as two whole numbers from 1 up, or InputError."""
    whole = isinstance(pair, (list, tuple)) and len(pair) == 2
    if not whole or not all(
        isinstance(side, int) and side > 0 for side in pair
    ):
        raise InputError(f"{where}: no width and height in pixels; mend it")
    return pair[0], pair[1]

"""Width and height of pictures, from whatever knows them."""

import json
import os
from pathlib import Path
from typing import Any

from imcap.data.captions.fields import Columns, parse_id, parse_name, read_size
from imcap.data.captions.reading import read_captions
from imcap.data.ids import IdIndex
from imcap.data.pictures.encoded import picture_size
from imcap.data.pictures.finding import PictureFinder
from imcap.errors import InputError
from imcap.files import StrPath, read_json, read_text

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
        input_json: captions with their pictures, in any format that
            `read_captions` reads; of Karpathy, COCO, coco_raw and cocotalk
            JSON the pictures alone may be there; None for none.
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
        entries = _entries(path)
        if entries is None:
            self._read_other_captions(path)
            return
        for index, entry in enumerate(entries):
            where = f"{path}: images[{index}]"
            key, file = _name(entry, where)
            if file is not None:
                self.files[key] = file
            size = read_size(entry, where)
            if size is not None:
                self.sizes[key] = size

    def _read_other_captions(self, path: Path) -> None:
        captions = read_captions(path, unlabelled=True)
        keys = [str(key) for key in captions.image_ids]
        places = captions.places or [None] * len(keys)
        for key, file, place in zip(keys, captions.files, places, strict=True):
            self.files[key] = file if place is None else place
        if captions.sizes is not None:
            self.sizes.update(zip(keys, captions.sizes, strict=True))


def _entries(path: Path) -> list[Any] | None:
    """The pictures of a JSON file, with captions or not; None of others."""
    text = "" if os.path.isdir(path) else read_text(path, "give the captions")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None  # JSON lines and tables are none
    found = values.get("images") if isinstance(values, dict) else values
    if isinstance(found, list):
        return found
    if isinstance(values, dict) and Columns.of(values).usable:
        return None  # one of JSON lines
    raise InputError(f"{path}: no list of 'images'; give captions")


def read_sizes(path: StrPath) -> dict[str, tuple[int, int]]:
    """NAME_sizes.json as a dict of id to (width, height)."""
    values = read_json(path, "run make_bu_data.py again")
    if not isinstance(values, dict):
        raise InputError(f"{path}: no sizes by id; run make_bu_data.py again")
    return {key: _pair(pair, f"{path}: {key}") for key, pair in values.items()}


def _name(entry: Any, where: str) -> tuple[str, str | None]:
    """Id as text, and file if it is known, of a picture in any format."""
    if isinstance(entry, dict):
        names = ("file_path", "file_name", "filename")
        known = [name for name in names if name in entry]
        found = (parse_name(entry[name], name, where) for name in known)
        file = next((name for name in found if name is not None), None)
        if file is not None and "filename" in entry:
            folder = parse_name(entry.get("filepath"), "filepath", where)
            file = str(Path(folder or "", file))
        for name in ("cocoid", "id", "imgid"):
            key = parse_id(entry.get(name), name, where)
            if key is not None and known:
                return str(key), file
    raise InputError(f"{where}: no id and file of a picture; give captions")


def _pair(pair: Any, where: str) -> tuple[int, int]:
    """(width, height) as two whole numbers from 1 up, or InputError."""
    whole = isinstance(pair, (list, tuple)) and len(pair) == 2
    if not whole or not all(
        isinstance(side, int) and side > 0 for side in pair
    ):
        raise InputError(f"{where}: no width and height in pixels; mend it")
    return pair[0], pair[1]

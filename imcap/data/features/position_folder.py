"""Folders of relative boxes or grid vectors, made of folders of boxes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.features.boxes import grid_side, grid_vectors
from imcap.data.features.positions import NOTE, read_rows, to_relative_boxes
from imcap.data.pictures.sizes import PictureSizes
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write, read_json, write_json

# Wraps the list of files, as `tqdm.tqdm` does.
Progress = Callable[[list[Path]], Iterable[Path]]


def write_relative_boxes(
    box_folder: StrPath,
    output: StrPath,
    sizes: PictureSizes,
    progress: Progress = iter,
) -> tuple[int, int]:
    """Writes `<id>.npy` of relative boxes (n, 4), float32, in [0, 1].

    Args and the rest as for `write_grid_vectors`.
    """
    return _write(
        box_folder, output, sizes, {"kind": "boxes"}, np.asarray, progress
    )


def write_grid_vectors(
    box_folder: StrPath,
    output: StrPath,
    sizes: PictureSizes,
    num_grids: int = 144,
    normalise: str = "cell",
    progress: Progress = iter,
) -> tuple[int, int]:
    """Writes `<id>.npy` of grid vectors (n, G), float32.

    One picture is in memory at a time. Files that are there are passed
    over; a note in the folder says how they were made, and a folder made
    otherwise is not continued.

    Args:
        box_folder: folder of `<id>.npy` (n, 4): pixels, or relative.
        output: folder to write.
        sizes: `PictureSizes`, asked for boxes in pixels.
        num_grids: G, a square.
        normalise: see `imcap.data.features.boxes.grid_vectors`.
        progress: wraps the list of files, as `tqdm.tqdm` does.

    Returns:
        (written, total): files written now, and files of boxes.

    Raises:
        InputError: no boxes, a bad file, or a picture of unknown size.

    Example:
        >>> sizes = PictureSizes("data/cocobu_box")
        >>> write_grid_vectors("data/cocobu_box", "data/cocobu_vec", sizes)
        (123287, 123287)
    """
    grid_side(num_grids)
    note = {"kind": "grid", "num_grids": num_grids, "normalise": normalise}

    def vectors(boxes: np.ndarray) -> np.ndarray:
        return grid_vectors(boxes, num_grids, normalise)

    return _write(box_folder, output, sizes, note, vectors, progress)


def _write(
    box_folder: StrPath,
    output: StrPath,
    sizes: PictureSizes,
    note: dict[str, Any],
    convert: Callable[[np.ndarray], np.ndarray],
    progress: Progress,
) -> tuple[int, int]:
    files, output = _box_files(Path(box_folder)), Path(output)
    if output.resolve() == Path(box_folder).resolve():
        raise InputError(f"{output}: also the folder of boxes; part them")
    _begin(output, note)
    written = 0
    for file in progress(files):
        target = output / file.name
        if target.exists():
            continue
        boxes = read_rows(file, "make the boxes again")
        positions = convert(to_relative_boxes(file, boxes, sizes))
        with atomic_write(target, ".npy", durable=False) as partial:
            np.save(partial, positions)
        written += 1
    return written, len(files)


def _box_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of boxes; mend the path")
    files = sorted(folder.glob("[!.]*.npy"))
    if not files:
        raise InputError(f"{folder}: no .npy of boxes in it; mend the path")
    return files


def _begin(output: Path, note: dict[str, Any]) -> None:
    """Notes what the folder will hold, unless it holds something else."""
    path = output / NOTE
    earlier = read_json(path, "remove the folder") if path.exists() else None
    if earlier == note:
        return
    if next(output.glob("[!.]*.npy"), None) is not None:
        raise InputError(
            f"{output}: holds files that were made with other settings; "
            "remove them, or give another --output_dir"
        )
    write_json(path, note)

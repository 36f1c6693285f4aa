"""Where features lie: one array, or a folder of files."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from imcap.data.features.array_files import (
    UNREADABLE,
    check_shape,
    check_type,
    damaged,
    double_note,
    finite,
    read_array,
    read_header,
    refuse,
    transposed,
)
from imcap.data.features.ids import check_ids, stem_id
from imcap.errors import InputError
from imcap.files import StrPath, escape, read_json, read_text

Shape = tuple[int, ...]


class Source(Protocol):
    """Protocol of feature sources, which a `FeatureStore` reads.

    No source holds features in memory, and all may be read by many threads.

    Attributes:
        ids: list of n ids.
        channels: D.
        locations: the largest K.
        fixed_locations: whether every picture has that K.
        metadata: dict, how the features were made; {} where unknown.
        notes: lines to print about what was found.
    """

    ids: list[int | str]
    channels: int
    locations: int
    fixed_locations: bool
    metadata: dict[str, Any]
    notes: tuple[str, ...]

    def grid(self, index: int) -> tuple[int, int] | None:
        """(h, w) of the map that the locations are; None for regions."""
        ...

    def row(self, index: int) -> np.ndarray:
        """The features of one picture: (k, D) float16 or float32."""
        ...

    def pooled(self, index: int) -> np.ndarray:
        """Mean-pooled features of one picture: (D,) float32."""
        ...


class StackedSource:
    """One array of (n, K, D) or (n, h, w, D), mapped into memory.

    Args:
        path: of the file, for messages.
        array: the features.
        ids: of the n pictures; None for the row numbers.
    """

    fixed_locations = True

    def __init__(
        self,
        path: StrPath,
        array: np.ndarray,
        ids: list[int | str] | None = None,
    ) -> None:
        count = len(array)
        self.ids: list[int | str] = [*range(count)] if ids is None else ids
        if len(self.ids) != count:
            raise refuse(
                path,
                f"{len(self.ids)} ids for features of shape {array.shape}",
                "give an id of each picture",
            )
        self._grid = array.shape[1:3] if array.ndim == 4 else None
        self._features = array
        self.channels = array.shape[-1]
        self.locations = int(np.prod(array.shape[1:-1]))
        self._path = path
        self.metadata: dict[str, Any] = {}
        self.notes = double_note(path, array.dtype)
        if ids is None:
            self.notes += (rows_note(path, count),)

    def grid(self, index: int) -> tuple[int, int] | None:
        return self._grid

    def row(self, index: int) -> np.ndarray:
        row = self._features[index].reshape(-1, self.channels)
        return finite(row, self._path, f"row {index}")

    def pooled(self, index: int) -> np.ndarray:
        return self.row(index).mean(axis=0, dtype="float32")


def open_stacked(path: StrPath) -> StackedSource:
    """Opens a `.npy` of (n, K, D) or (n, h, w, D), with ids beside it.

    The ids come from `<stem>_ids.txt` (one a line) or `<stem>_ids.json`
    (a list), otherwise they are the row numbers.
    """
    path = Path(path)
    array = _load_stacked(path)
    return StackedSource(path, array, ids_beside(path, len(array)))


def _load_stacked(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r")
    except UNREADABLE as error:
        line = " ".join(str(error).split())
        raise refuse(
            path, f"not a whole .npy file ({line})", "make it again"
        ) from None
    if not isinstance(array, np.ndarray):
        raise refuse(path, "an archive", "rename it to end in .npz")
    check_stack(path, array.shape, array.dtype)
    return array


def check_stack(path: StrPath, shape: Shape, dtype: np.dtype) -> None:
    """Refuses what is no (n, K, D) or (n, h, w, D) of floats."""
    check_type(path, dtype)
    if len(shape) not in (3, 4):
        raise refuse(
            path, f"shape {shape}", "expected (n, K, D) or (n, h, w, D)"
        )
    check_shape(path, shape[1:])


def ids_beside(path: Path, count: int) -> list[int | str] | None:
    """The ids in `<stem>_ids.txt` or `<stem>_ids.json`; None without.

    Args:
        path: of the features.
        count: how many pictures they are of.

    Raises:
        InputError: another number of ids, or one that is no id.
    """
    text = path.with_name(f"{path.stem}_ids.txt")
    as_json = text.with_suffix(".json")
    if text.exists():
        source, lines = text, read_text(text).split("\n")
        ids: Any = [line.strip() for line in lines if line.strip()]
    elif as_json.exists():
        source, ids = as_json, read_json(as_json)
    else:
        return None
    if not isinstance(ids, list) or len(ids) != count:
        raise refuse(
            source, f"does not list {count} ids", f"{path.name} has that many"
        )
    return check_ids(ids, source)


def rows_note(path: StrPath, count: int) -> str:
    """What to say of features without ids, whose rows then count.

    Args:
        path: of the file, or the file and the array in it.
        count: n, of pictures.
    """
    stem = Path(Path(path).name.partition(": ")[0]).stem
    return (
        f"{path}: no ids in it or beside it: its rows count as ids 0 to "
        f"{count - 1}; if they are not, list the ids in {stem}_ids.txt, one "
        "a line"
    )


class PicturesSource:
    """Base of sources that hold one array a picture.

    Regions are (k, D), maps (h, w, D). Opening reads the shapes only.

    Args:
        ids: of the n pictures.
        names: n names of their arrays, for messages.
        shapes: n shapes.
        dtypes: types of the arrays, each once or more often.
        path: of the source.

    Raises:
        InputError: arrays of different D.
    """

    def __init__(
        self,
        ids: Sequence[int | str],
        names: Sequence[StrPath],
        shapes: Sequence[Shape],
        dtypes: Iterable[np.dtype],
        path: StrPath,
    ) -> None:
        self.ids = list(ids)
        self.metadata: dict[str, Any] = {}
        self.notes = double_note(path, *set(dtypes))
        self._names = names
        self._shapes = shapes
        self.channels = shapes[0][-1]
        for name, shape in zip(names, shapes, strict=True):
            if shape[-1] != self.channels:
                raise self._other_channels(name, shape)
        sizes = {int(np.prod(shape[:-1])) for shape in shapes}
        self.locations = max(sizes)
        self.fixed_locations = len(sizes) == 1

    def _other_channels(self, name: StrPath, shape: Shape) -> InputError:
        firsts = {len(one) == 2 and one[0] for one in self._shapes}
        if len(firsts) == 1 and shape[0] > max(one[-1] for one in self._shapes):
            # What all pictures share is D.
            return transposed(name, shape)
        first = self._names[0]
        first = first.name if isinstance(first, Path) else first
        return refuse(
            name,
            f"{shape[-1]} channels, {first} has {self.channels}",
            "make both with the same network",
        )

    def load(self, index: int) -> np.ndarray:
        """The array of one picture, as it is stored."""
        raise NotImplementedError

    def grid(self, index: int) -> tuple[int, int] | None:
        shape = self._shapes[index]
        return (shape[0], shape[1]) if len(shape) == 3 else None

    def row(self, index: int) -> np.ndarray:
        values = self.load(index).reshape(-1, self.channels)
        return finite(values, self._names[index], "features")

    def pooled(self, index: int) -> np.ndarray:
        return self.row(index).mean(axis=0, dtype="float32")


class FolderSource(PicturesSource):
    """A folder of `<id>.npz` (key `feat` and others) or `<id>.npy`.

    Folders in it count. Ids are the names of files without ending; where
    two are equal, all ids are paths from the folder. `<id>_info.npy`, which
    Pythia writes, is left out.
    """

    def __init__(self, path: StrPath) -> None:
        folder = Path(path)
        files = _feature_files(folder)
        self._files = files
        shapes, dtypes = [], []
        for file in files:
            with _open(file) as stream:
                shape, dtype = read_header(file, stream)
            shapes.append(shape)
            dtypes.append(dtype)
        ids = ids_of_files(files, folder)
        super().__init__(ids, files, shapes, dtypes, path)

    def load(self, index: int) -> np.ndarray:
        with _open(self._files[index]) as stream:
            return read_array(self._files[index], stream)


def _open(file: Path) -> IO[bytes]:
    try:
        return open(file, "rb")
    except OSError as error:
        raise damaged(file, error) from None


def _feature_files(folder: Path) -> list[Path]:
    """The .npz and .npy below a folder, hidden ones left out."""
    files, others = [], set()
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders
            if not name.startswith(".") and name != "__MACOSX"
        ]  # fmt: skip
        shown = [name for name in names if not name.startswith(".")]
        there = set(shown)
        for name in shown:
            stem, ending = os.path.splitext(name)
            if ending.lower() not in (".npz", ".npy"):
                others.add(ending or name)
            elif not _is_about_another(stem, there):
                files.append(Path(parent, name))
    if not files:
        held = ", ".join(sorted(others)[:5])
        reason = "no .npz or .npy in it" + (held and f", but {held}")
        raise refuse(folder, reason, "check the path")
    return sorted(files)


def _is_about_another(stem: str, names: set[str]) -> bool:
    about = stem.removesuffix("_info")
    return about != stem and any(
        about + ending in names for ending in (".npy", ".npz")
    )


def ids_of_files(files: Sequence[Path], folder: Path) -> list[int | str]:
    """Ids of files below a folder, see `FolderSource`."""
    paths = [file.relative_to(folder) for file in files]
    candidates = (
        [stem_id(path.stem) for path in paths],
        ["/".join(map(stem_id, path.with_suffix("").parts)) for path in paths],
        [path.as_posix() for path in paths],
    )
    ids = next(ids for ids in candidates if len(set(ids)) == len(ids))
    return [escape(name) for name in ids]

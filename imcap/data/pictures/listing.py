"""Which pictures there are: ids, files and where they lie."""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from imcap.data.archives.places import (
    find_archives,
    is_archive,
    open_archive,
)
from imcap.data.pictures.clutter import without_clutter
from imcap.data.pictures.crops import Crop, crop_id, random_crop
from imcap.data.pictures.finding import find_paths
from imcap.data.pictures.remarks import describe_left_out, remarks
from imcap.errors import InputError
from imcap.files import StrPath, escape, expand_wildcards

# Of pictures that are looked for in folders; HEIC and JPEG XL need a plugin.
ENDINGS = {
    ".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".heic", ".heics",
    ".heif", ".heifs", ".hif", ".ico", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc",
    ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".mpo", ".pbm", ".pcx",
    ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".tga", ".tif", ".tiff",
    ".webp",
}  # fmt: skip


BESIDE = (
    "archives beside pictures; give them as well, or lay them into a folder "
    "of their own"
)


@dataclasses.dataclass(frozen=True)
class ImageList:
    """A list of pictures with ids, in a fixed order.

    Args:
        image_ids: n ids, int or str, all different.
        files: n names as the source has them.
        paths: n `Path`s to read, in archives too (see
            `imcap.data.archives.places`).
        crops: n `Crop`s, parts of the pictures; None for whole pictures.

    Raises:
        InputError: an id that occurs twice.

    Example:
        >>> images = ImageList.from_folder("holiday")
        >>> images = images.replaced(["beach=better/beach.jpg"])
    """

    image_ids: list[int | str]
    files: list[str]
    paths: list[Path]
    crops: list[Crop] | None = None

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for name, file in zip(self.image_ids, self.files, strict=True):
            if str(name) in seen:
                raise InputError(
                    f"{file}: a second picture with the id {name!r}; give "
                    "each picture its own id"
                )
            seen.add(str(name))

    def __len__(self) -> int:
        return len(self.image_ids)

    @classmethod
    def from_folder(cls, folder: StrPath) -> "ImageList":
        """All pictures below a folder; ids are file names without ending.

        Where two names are equal, all ids are paths from the folder. Hidden
        files, thumbnails and what archives of Macs bring along are left out,
        and `imcap.data.pictures.remarks` counts them.

        Args:
            folder: the folder, or an archive. A folder without pictures may
                hold archives of them.

        Raises:
            InputError: there is none, it is damaged, or no picture is in it.
        """
        folder = Path(folder)
        paths: list[Path] = []
        left_out: Counter[str] = Counter()
        if is_archive(folder):
            archives = [folder]
        elif not os.path.isdir(folder):
            raise InputError(f"{folder}: no such folder of pictures")
        else:
            paths, left_out = without_clutter(folder, ENDINGS)
            archives = find_archives(folder)
            if paths:
                others = [one for one in archives if one.stem != "metadata"]
                left_out += Counter({BESIDE: len(others)})
                archives = []
        paths += [
            archive / member
            for archive in archives
            for member in open_archive(archive).members(ENDINGS)
        ]
        if not paths:
            why = f" ({describe_left_out(left_out)})" if left_out else ""
            raise InputError(f"{folder}: no picture in it{why}")
        remarks.leave_out(str(folder), left_out)
        return cls.from_paths(paths, folder)

    @classmethod
    def from_paths(
        cls, paths: Iterable[StrPath], folder: Path | None = None
    ) -> "ImageList":
        """Pictures by path; ids are file names without ending."""
        pictures = [Path(path) for path in paths]
        files = [
            path.relative_to(folder).as_posix() if folder else str(path)
            for path in pictures
        ]
        files = [escape(file) for file in files]
        stems = [escape(path.stem) for path in pictures]
        ids = stems if len(set(stems)) == len(stems) else files
        return cls(list(ids), files, pictures)

    def augmented(self, count: int, seed: int) -> "ImageList":
        """`count` random crops of each picture, with ids of their own.

        Args:
            count: int, crops a picture.
            seed: int; a picture's crops depend on it and on their place.

        Returns:
            Another `ImageList`, whose ids are those of `crop_id`.
        """
        rows = [row for row in range(len(self)) for _ in range(count)]
        rng = np.random.default_rng([seed, count])
        return ImageList(
            [
                crop_id(self.image_ids[row], place % count)
                for place, row in enumerate(rows)
            ],
            [self.files[row] for row in rows],
            [self.paths[row] for row in rows],
            [random_crop(rng) for _ in rows],
        )

    def replaced(self, replacements: Iterable[str]) -> "ImageList":
        """Another picture for some ids.

        Args:
            replacements: list of str, "id=path".

        Raises:
            InputError: not of this form, or no such id.
        """
        rows = {str(name): row for row, name in enumerate(self.image_ids)}
        files, paths = list(self.files), list(self.paths)
        for text in replacements:
            name, equals, path = text.partition("=")
            if not equals or name not in rows:
                raise InputError(
                    f"--replace {text}: expected id=path with the id of one "
                    f"of the {len(self)} pictures"
                )
            files[rows[name]], paths[rows[name]] = path, Path(path)
        return dataclasses.replace(self, files=files, paths=paths)


def picture_paths(
    folder: StrPath | None,
    names: Sequence[str],
    places: Sequence[Path | None] | None = None,
) -> list[Path]:
    """Where the pictures of a caption file are, see `PictureFinder`.

    Args:
        folder: what names start from; what lies there counts first.
        names: of the pictures, as the captions have them.
        places: where those are that the captions hold themselves, or None.
    """
    paths = find_paths(folder or ".", names)
    return [
        path if place is None or (folder and os.path.exists(path)) else place
        for path, place in zip(
            paths, places or [None] * len(paths), strict=True
        )
    ]


def find_pictures(
    names: Iterable[StrPath],
) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Finds pictures by path, those in folders and archives included.

    Args:
        names: paths of pictures, folders and archives, and patterns like
            `*.jpg`.

    Returns:
        List of `Path`, and a list of (path, reason) of folders and archives
        that hold none.
    """

    paths: list[Path] = []
    refused: list[tuple[Path, str]] = []
    for name in expand_wildcards(names):
        if not os.path.isdir(Path(name)) and not is_archive(name):
            paths.append(Path(name))
            continue
        try:
            paths.extend(ImageList.from_folder(name).paths)
        except InputError as error:
            refused.append((Path(name), str(error)))
    return paths, refused

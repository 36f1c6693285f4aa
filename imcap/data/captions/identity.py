"""Which pictures of one name are one picture, told by where they are."""

import collections
import hashlib
import os
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

from imcap.data.archives.places import (
    open_archive,
    picture_exists,
    read_picture,
    split_place,
)
from imcap.data.archives.tar import TarArchive
from imcap.data.captions.assembly import Picture
from imcap.data.pictures.finding import find_paths
from imcap.errors import InputError

UNREAD = b""  # stands for rows that hold no picture: their names must do


def identities(
    places: Iterable[Path], by_content: bool = False
) -> dict[Path, Hashable]:
    """What tells pictures of one name apart, by place.

    Files, and members of tar files, are told by their paths. Rows of Parquet,
    Arrow and TFRecord are told by their bytes, as a picture may stand in many
    rows, each with one of its captions.

    Args:
        places: of the pictures; bytes are read in this order.
        by_content: whether bytes tell files apart too.
    """
    return {place: _identity(place, by_content) for place in places}


def _identity(place: Path, by_content: bool) -> Hashable:
    try:
        inside = split_place(place)
        is_path = inside is None or isinstance(
            open_archive(inside[0]), TarArchive
        )
        if is_path and not by_content:
            return place.resolve()
        return hashlib.sha256(read_picture(place)).digest()
    except InputError:
        return UNREAD


def place_beside(source: Path, pictures: Sequence[Picture]) -> None:
    """Notes where pictures are that lie beside their caption file.

    Args:
        source: the caption file, or a folder of captions.
        pictures: of this source. Those that lie in its folder, or in `images`
            there, get a `place` if they have none.
    """
    folder = source if source.is_dir() else source.parent
    for root in (folder, folder / "images"):
        left = [one for one in pictures if one.place is None]
        paths = find_paths(root, [one.file for one in left])
        for picture, path in zip(left, paths, strict=True):
            if picture_exists(path):
                picture.place = path


def tell_apart(sources: Sequence[Path], pictures: Sequence[Picture]) -> None:
    """Renames pictures of one name in several places, so that none is joined.

    Then all pictures that have a place are called after it, from the folder
    on that holds all sources. Where there are no such names, nothing changes.

    Args:
        sources: the caption files and folders.
        pictures: of all of them.
    """
    groups = collections.defaultdict(list)
    for picture in pictures:
        if picture.place is not None:
            groups[str(picture.image_id), picture.file].append(picture)
    found: dict[Path, Path] = {}
    clashes = False
    for group in groups.values():
        places = [one.place for one in group if one.place is not None]
        if len(set(places)) == 1:
            continue
        has_ids = not any(one.is_named for one in group)
        first: dict[Hashable, Path] = {}
        for place, identity in identities(places, has_ids).items():
            found[place] = first.setdefault(identity, place)
        clashes = clashes or len(first) > 1
    if clashes:
        base = _common_folder(sources)
        for picture in pictures:
            if picture.place is not None:
                place = found.get(picture.place, picture.place)
                picture.file = _name_from(base, place)


def _common_folder(sources: Sequence[Path]) -> str:
    folders = [
        os.path.abspath(path if path.is_dir() else path.parent)
        for path in sources
    ]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # drives of Windows have nothing in common
        return folders[0]


def _name_from(base: str, place: Path) -> str:
    try:
        return Path(os.path.relpath(place, base)).as_posix()
    except ValueError:
        return place.absolute().as_posix()

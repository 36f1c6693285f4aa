"""Files below a folder that systems and programs left there."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath

THUMBNAILS = {".@__thumb", ".thumbnails", ".thumbs", "@eadir"}
THUMBNAIL_FILES = {"ehthumbs.db", "thumbs.db"}
ARCHIVE = "__macosx"
DELETED = {"#recycle", "$recycle.bin"}


def clutter_kind(path: PurePath) -> str | None:
    """What kind of clutter a file is; None for what people put there.

    Args:
        path: from the folder that is searched.
    """
    parts = [part.lower() for part in path.parts]
    if ARCHIVE in parts:
        return "in __MACOSX"
    if not THUMBNAILS.isdisjoint(parts[:-1]) or parts[-1] in THUMBNAIL_FILES:
        return "thumbnails"
    if not DELETED.isdisjoint(parts[:-1]):
        return "deleted"
    if any(part.startswith(".") for part in parts):
        return "hidden"
    return None


def without_clutter(
    folder: Path, endings: Iterable[str]
) -> tuple[list[Path], Counter[str]]:
    """The files of some endings below a folder, in order.

    Args:
        folder: is searched with all folders in it.
        endings: in small letters, with their dots.

    Returns:
        The paths, and how many files of each kind of clutter there are.
    """
    endings = set(endings)
    paths: list[Path] = []
    left_out: Counter[str] = Counter()
    for path in sorted(folder.rglob("*")):
        is_ours = path.suffix.lower() in endings
        if not is_ours and path.name.lower() not in THUMBNAIL_FILES:
            continue
        kind = clutter_kind(path.relative_to(folder))
        if not path.is_file():
            continue
        if kind is None:
            paths.append(path)
        else:
            left_out[kind] += 1
    return paths, left_out

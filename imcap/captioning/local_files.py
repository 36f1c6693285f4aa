"""Pictures of memory and of the web as files, for what works on files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from imcap.data.pictures.encoded import read_encoded
from imcap.data.pictures.inputs import describe_picture, read_input
from imcap.data.pictures.urls import expand_url, is_url, is_url_pattern
from imcap.errors import InputError
from imcap.files import NOT_IN_NAMES
from imcap.vision.picture_lists import items

LONGEST = 100  # bytes of a copy's name, its ending among them


@dataclasses.dataclass
class LocalFiles:
    """Paths of pictures, and what those are called that are copies.

    Attributes:
        paths: of files, folders and patterns.
        names: what the copies among them were.
        refused: (name, reason) of what could not be read.
    """

    paths: list[Path] = dataclasses.field(default_factory=list)
    names: dict[Path, str] = dataclasses.field(default_factory=dict)
    refused: list[tuple[Path, str]] = dataclasses.field(default_factory=list)

    def name(self, path: Path) -> str:
        """What to call a picture: its path, or what it is a copy of."""
        return self.names.get(path, str(path))


@contextlib.contextmanager
def local_files(images: Any) -> Iterator[LocalFiles]:
    """Writes pictures that are no files here into a folder, for a while.

    Args:
        images: see `imcap.vision.picture_lists.items`.

    Yields:
        `LocalFiles`; its copies are deleted in the end.
    """
    local = LocalFiles()
    with tempfile.TemporaryDirectory(prefix="imcap_") as folder:
        for number, one in enumerate(items(images)):
            if isinstance(one, (str, os.PathLike)) and not is_url(one):
                local.paths.append(Path(os.fsdecode(one)))
                continue
            try:
                more = is_url(one) and is_url_pattern(one)
                found = expand_url(one) if more else [one]
                for place, picture in enumerate(found):
                    target = Path(folder, str(number), str(place))
                    copy_picture(picture, target, number, local)
            except InputError as error:
                name = describe_picture(one)
                local.refused.append((Path(name), str(error)))
        yield local


def copy_picture(
    picture: Any, folder: Path, number: int, local: LocalFiles
) -> None:
    """Writes one picture into a folder of its own.

    Args:
        picture: as `read_encoded` takes it.
        folder: to be made.
        number: its place, for its name where it has none.
        local: gets its path and name.
    """
    name = name_of(picture) or f"picture_{number}"
    encoded = read_input(picture)
    if encoded is None:  # an array, or of Pillow
        encoded = read_encoded(picture)
    path = urllib.parse.urlsplit(name).path if is_url(name) else name
    folder.mkdir(parents=True)
    target = folder / (safe_name(unquote(path)) or f"picture_{number}")
    target.write_bytes(encoded)
    local.paths.append(target)
    local.names[target] = name


def safe_name(path: str) -> str:
    """The last part of a path, as every system takes it; "" where none is."""
    name = path.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if c.isprintable() and c not in NOT_IN_NAMES)
    end = name.encode("utf-8", "ignore")[-LONGEST:].decode("utf-8", "ignore")
    return end.strip(". ")


def name_of(picture: Any) -> str | None:
    """What a picture is called, where it has a name."""
    if is_url(picture):
        return None if picture[:5].lower() == "data:" else str(picture)
    name = getattr(picture, "filename", getattr(picture, "name", None))
    if isinstance(picture, Mapping):
        name = picture.get("path")
    return name if isinstance(name, str) and name else None

"""What Python code hands over as a picture: names, bytes, open files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any

from numpy.typing import ArrayLike
from PIL import Image

from imcap.data.archives.places import read_picture
from imcap.data.pictures.urls import (
    is_url,
    read_limited,
    read_url,
    shorten_url,
)
from imcap.errors import InputError
from imcap.files import StrPath

# A path or a URL, the bytes of a file, a file that is open, what Hugging Face
# has in undecoded columns, a PIL image or an array.
PictureLike = (
    StrPath
    | bytes
    | bytearray
    | memoryview
    | IO[bytes]
    | Mapping[str, Any]
    | Image.Image
    | ArrayLike
)
SHOWN = 40  # characters of what is no picture, in messages


def is_bytes(picture: Any) -> bool:
    """Whether it is the content of a file."""
    return isinstance(picture, (bytes, bytearray, memoryview))


def is_file(picture: Any) -> bool:
    """Whether it can be read like an open file."""
    return hasattr(picture, "read") or hasattr(picture, "read_bytes")


def describe_picture(picture: Any) -> str:
    """What to call a picture in a message: str."""
    if is_url(picture):
        return shorten_url(picture)
    if isinstance(picture, (str, os.PathLike)):
        return os.fsdecode(picture)
    if is_bytes(picture):
        return f"picture of {len(picture)} bytes"
    if isinstance(picture, Image.Image):
        return f"picture of {picture.width} x {picture.height} pixels"
    if isinstance(picture, Mapping) and isinstance(picture.get("path"), str):
        return str(picture["path"])
    kind = type(picture).__name__
    if is_file(picture):
        name = getattr(picture, "name", None)
        return name if isinstance(name, str) and name else kind
    shape = getattr(picture, "shape", None)
    if shape is None or len(shape) == 0:
        shown = " ".join(repr(picture).split())
        return f"{kind} {shown[:SHOWN]}{'…' * (len(shown) > SHOWN)}"
    return f"{kind} {tuple(shape)}"


def read_input(picture: Any) -> bytes | None:
    """The bytes of a picture that is, or names, a file.

    An open file is read from its start where it can go back there.

    Returns:
        bytes; None of PIL images and of what may be an array.

    Raises:
        InputError: it cannot be read.
    """
    name = describe_picture(picture)
    if is_url(picture):
        return read_url(picture)
    if isinstance(picture, (str, os.PathLike)):
        return read_picture(name)
    if is_bytes(picture):
        return bytes(picture)
    if isinstance(picture, Image.Image):
        return None
    if isinstance(picture, Mapping):
        return _read_mapping(picture, name)
    return _read_open(picture, name) if is_file(picture) else None


def _read_mapping(picture: Mapping[str, Any], name: str) -> bytes:
    """Bytes of {"bytes": …, "path": …}, either of which may be None."""
    if is_bytes(picture.get("bytes")):
        return bytes(picture["bytes"])
    if isinstance(picture.get("path"), str):
        return read_picture(picture["path"])
    raise InputError(
        f"{name}: not a picture; of a dict give list(pictures.values())"
    )


def _read_open(file: Any, name: str) -> bytes:
    # Opened as text by mistake: the bytes lie below.
    file = getattr(file, "buffer", file)
    try:
        if not hasattr(file, "read"):
            data = file.read_bytes()
        else:
            if getattr(file, "seekable", lambda: False)():
                file.seek(0)
            data = read_limited(file, name)
    except InputError:
        raise
    except Exception as error:  # files of other libraries raise their own
        raise InputError(f"{name}: cannot be read ({error})") from None
    return bytes(data)

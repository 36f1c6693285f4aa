"""Uploads, checked by their bytes before anything decodes them."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from imcap.data.pictures.encoded import as_eight_bits
from imcap.data.pictures.png_chunks import plain_png
from imcap.data.pictures.silence import silence
from imcap.errors import InputError
from imcap.serve.limits import Limits, Refused

# Pillow knows more formats, but some of them run other programs.
STARTS = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF8",
    "BMP": b"BM",
    "WEBP": b"RIFF",
}


MOST_WHOLE = 4_000_000  # pixels that are decoded without being shrunk first


PLAIN_MODES = {"1", "L", "LA", "P", "RGB", "RGBA"}


DAMAGED = "a damaged picture, perhaps cut short"


def check_upload(
    encoded: bytes, limits: Limits, side: int
) -> bytes | Image.Image:
    """An upload as something that `load_pixels` takes.

    Large pictures other than JPEG are shrunk by whole factors, to no less
    than four times `side`: decoded as they are they would take forty bytes a
    pixel.

    Args:
        encoded: bytes of the upload.
        limits: `Limits`.
        side: int, pixels that the model will see.

    Returns:
        bytes, or a PIL image.

    Raises:
        Refused: 400 for what is empty or damaged, 413 for too many pixels,
            415 for what is no picture.
    """
    if not encoded:
        raise Refused(400, "nothing was sent; send the bytes of a picture")
    kind = sniff_format(encoded)
    if kind is None:
        names = ", ".join(STARTS)
        raise Refused(415, f"not a picture; send one of {names}")
    encoded = plain_png(encoded)
    try:
        # What is too large is refused below.
        with silence, Image.open(io.BytesIO(encoded), formats=[kind]) as image:
            check_pixels(image.width * image.height, limits)
            if is_light(image):
                return encoded
            return shrink(image, side)
    except Image.DecompressionBombError:
        raise too_many_pixels("far too many", limits) from None
    except Refused:
        raise
    except Exception:  # Pillow's plugins raise whatever they like
        raise Refused(400, DAMAGED) from None


def load_upload(
    encoded: bytes, load: Callable[[Any], np.ndarray], limits: Limits, side: int
) -> np.ndarray:
    """Decodes an upload with `load`: an array (side, side, 3).

    Args:
        encoded, limits, side: as in `check_upload`.
        load: function of bytes or a PIL image to the array.
    """
    picture = check_upload(encoded, limits, side)
    try:
        return load(picture)
    except InputError:
        raise Refused(400, DAMAGED) from None


def sniff_format(encoded: bytes) -> str | None:
    """The format by the first bytes, None where it is none of ours."""
    for kind, start in STARTS.items():
        if encoded.startswith(start):
            return kind
    return None


def check_pixels(pixels: int, limits: Limits) -> None:
    """Refuses pictures that decoding would make too large."""
    if pixels > limits.max_pixels:
        raise too_many_pixels(f"{pixels:,}", limits)


def too_many_pixels(pixels: str, limits: Limits) -> Refused:
    """The refusal of a picture of so many pixels."""
    return Refused(
        413,
        f"{pixels} pixels; at most {limits.max_pixels:,} are taken, so make "
        "the picture smaller",
    )


def is_light(image: Image.Image) -> bool:
    """Whether TensorFlow can decode it as it is, in little memory."""
    if image.format in ("JPEG", "MPO") or image.mode not in PLAIN_MODES:
        return True
    return image.width * image.height <= MOST_WHOLE


def shrink(image: Image.Image, side: int) -> Image.Image:
    """A PIL image smaller by whole factors, each side by its own."""
    image = as_eight_bits(image, f"upload of {image.width} x {image.height}")
    width, height = (max(1, length // (4 * side)) for length in image.size)
    return image.reduce((width, height))

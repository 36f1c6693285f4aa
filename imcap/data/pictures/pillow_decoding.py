"""Pictures to pixels through Pillow, where TensorFlow is not loaded.

`imcap.data.pictures.decoding` is the way of training and of the full road;
pixels here differ from its by a rounding.
"""

import io

import numpy as np
from PIL import Image

from imcap.data.pictures.encoded import (
    PictureLike,
    as_eight_bits,
    describe_picture,
    picture_size,
    read_encoded,
)
from imcap.data.pictures.silence import silence
from imcap.errors import InputError
from imcap.files import StrPath

SIDE = 224  # pixels of the longer side of a thumbnail


def load_pixels(
    picture: PictureLike,
    height: int,
    width: int,
    max_pixels: int | None = None,
) -> np.ndarray:
    """Reads, decodes and resizes one picture (bilinear, antialiased).

    Args:
        picture: path, bytes, array or PIL image, as `read_encoded` takes.
        height, width: pixels.
        max_pixels: see `read_encoded`.

    Returns:
        (height, width, 3) uint8 numpy array, RGB.

    Raises:
        InputError: the reason why the file cannot be used.
    """
    encoded = read_encoded(picture, max_pixels)
    try:
        with silence, Image.open(io.BytesIO(encoded)) as opened:
            image = _on_white(as_eight_bits(opened))
    except Exception as error:  # Pillow's plugins raise whatever they like
        raise InputError(
            f"{describe_picture(picture)}: damaged picture, perhaps cut short"
        ) from error
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _on_white(image: Image.Image) -> Image.Image:
    """An RGB or RGBA picture as RGB; what is transparent is white."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def load_thumbnail(path: StrPath, side: int = SIDE) -> np.ndarray:
    """Loads a thumbnail, at most `side` pixels a side: uint8 (H, W, 3)."""
    width, height = picture_size(path)
    scale = min(1.0, side / max(width, height))
    return load_pixels(
        path, max(1, round(height * scale)), max(1, round(width * scale))
    )

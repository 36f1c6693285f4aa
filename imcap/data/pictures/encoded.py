"""Pictures of any kind as bytes of a JPEG or PNG."""

import io
import os

import numpy as np
from PIL import Image, UnidentifiedImageError

from imcap.data.archives.places import read_picture, split_place
from imcap.data.pictures.arrays import as_pixels, as_uint8
from imcap.data.pictures.deep import is_deep, read_samples
from imcap.data.pictures.depth import to_eight_bits
from imcap.data.pictures.inputs import (
    PictureLike,
    describe_picture,
    read_input,
)
from imcap.data.pictures.limits import jpeg_limit, pixel_limit, reduction
from imcap.data.pictures.plugins import describe_unreadable, prepare_plugin
from imcap.data.pictures.png_chunks import PNG_START, plain_png, sample_bits
from imcap.data.pictures.silence import pillow_limit, silence
from imcap.data.pictures.turning import TURNED, orientation, upright
from imcap.errors import InputError
from imcap.files import StrPath, refuse_pointer

# Formats whose bytes go to TensorFlow as they are. GIF and BMP do not:
# TensorFlow ignores a GIF's transparency and a BMP's palette.
NATIVE_FORMATS = {"JPEG", "MPO", "PNG"}
SCALABLE_FORMATS = {"JPEG", "MPO"}  # decoded at a fraction of their size
JPEG_START = b"\xff\xd8\xff"
ANY_SIZE = 2**62  # pixels


def read_encoded(picture: PictureLike, max_pixels: int | None = None) -> bytes:
    """A picture as bytes that `decode_image` reads.

    Other formats (webp, TIFF, 16-bit PGM, …) become PNG through Pillow.

    Args:
        picture: path of a file, URL, bytes, open file, PIL image, or an
            array; its shapes and numbers are those of
            `imcap.data.pictures.arrays`. Integers above 255 are scaled by
            the smallest of 10, 12, 14 and 16 bits that holds the largest,
            and so are those of 16-bit files that do not say their depth.
        max_pixels: width times height allowed, checked before decoding;
            None for `pixel_limit()`. JPEG may have more, see `jpeg_limit`.

    Returns:
        bytes of a JPEG or PNG, made smaller where `reduction` says so.

    Raises:
        InputError: missing, empty, not a picture, or too large.
    """
    name = describe_picture(picture)
    max_pixels = pixel_limit() if max_pixels is None else max_pixels
    encoded = read_input(picture)
    if encoded is not None:
        return _checked(name, encoded, max_pixels)
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(as_pixels(picture, name))
    _check_size(name, picture, max_pixels)
    try:
        return _as_png(picture, name)
    except InputError:
        raise
    except Exception as error:  # a PIL image whose file is cut short, or shut
        raise InputError(f"{name}: damaged picture ({error})") from None


def _checked(path: StrPath, encoded: bytes, max_pixels: int) -> bytes:
    """Bytes of a file, as they are or as PNG; `path` is for messages."""
    if not encoded:
        raise InputError(f"{path}: empty file")
    refuse_pointer(path, encoded)
    prepare_plugin(str(path), encoded[:256])
    encoded = plain_png(encoded)
    # Their size is in their header; others may hold pictures in pictures.
    is_plain = encoded.startswith((JPEG_START, PNG_START))
    to_open = ANY_SIZE if is_plain else max_pixels
    try:
        with (
            silence,
            pillow_limit.raised_to(to_open),
            Image.open(io.BytesIO(encoded)) as image,
        ):
            _check_size(path, image, max_pixels)
            # Pillow gives a GIF's canvas; a PNG may carry EXIF, too.
            turned = image.format == "PNG" and b"eXIf" in encoded
            as_it_is = not turned and sample_bits(encoded) <= 8
            as_it_is = as_it_is and reduction(*image.size) == 1
            if image.format in NATIVE_FORMATS and as_it_is:
                return encoded
            return _as_png(image, str(path))
    except Image.DecompressionBombError:
        raise _too_large(path, "far too many", max_pixels) from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: {describe_unreadable(encoded)}") from None
    except InputError:
        raise
    except Exception as error:
        # Pillow's plugins raise many kinds of error on damaged files.
        raise InputError(f"{path}: damaged picture ({error})") from None


def _too_large(path: StrPath, pixels: int | str, max_pixels: int) -> InputError:
    return InputError(
        f"{path}: {pixels} pixels, the limit is {max_pixels}; raise "
        "--max_pixels (in Python imcap.data.pictures.limits.pixels_up_to) if "
        "it is meant to be that large"
    )


def _check_size(path: StrPath, image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if image.format in SCALABLE_FORMATS:
        max_pixels = jpeg_limit(max_pixels)
    if width * height > max_pixels:
        raise _too_large(path, width * height, max_pixels)


def _as_png(image: Image.Image, name: str) -> bytes:
    """The first frame as PNG bytes, 8-bit, upright; a large one smaller."""
    divisor = reduction(*image.size)
    width, height = image.size
    if divisor > 1 and image.format in SCALABLE_FORMATS:
        image.draft(None, (width // divisor, height // divisor))
    image = as_eight_bits(image, name)
    if reduction(*image.size) > 1:
        image = image.reduce(divisor)
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=1)
    return target.getvalue()


def as_eight_bits(image: Image.Image, name: str = "") -> Image.Image:
    """The first frame, upright, of mode RGB, or RGBA where it has alpha.

    Args:
        image: a PIL image; of 16-bit colour, not loaded yet.
        name: of the picture, for messages and notes.

    Raises:
        InputError: floats of a range that cannot be meant.
    """
    if is_deep(image):
        samples, declared = read_samples(image)
        image = Image.fromarray(to_eight_bits(samples, declared, name))
    else:
        image.load()
        image = upright(image)
    if image.mode == "F":
        image = Image.fromarray(as_uint8(np.asarray(image), name))
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    has_alpha = has_alpha or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def picture_size(path: StrPath) -> tuple[int, int]:
    """(width, height) in pixels as seen upright, from the header alone.

    Raises:
        InputError: no such file, or no picture that Pillow knows.
    """
    source: StrPath | io.BytesIO = path
    if not os.path.exists(path) and split_place(path) is not None:
        source = io.BytesIO(read_picture(path))
    try:
        # Nothing is decoded here, so a large picture does no harm.
        return _size_of(source)
    except FileNotFoundError:
        raise InputError(f"{path}: no such picture") from None
    except Exception:  # Pillow's plugins raise whatever they like
        pass
    encoded = read_picture(path)
    refuse_pointer(path, encoded)
    prepare_plugin(str(path), encoded[:256])
    try:
        return _size_of(io.BytesIO(plain_png(encoded)))
    except Exception as error:
        raise InputError(
            f"{path}: cannot be opened as a picture ({error})"
        ) from None


def _size_of(source: StrPath | io.BytesIO) -> tuple[int, int]:
    with silence, Image.open(source) as image:
        width, height = image.size
        turned = orientation(image) in TURNED
    return (height, width) if turned else (width, height)

"""Pictures of any kind as bytes of a JPEG or PNG."""

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, UnidentifiedImageError

from imcap.data.archives.places import read_picture, split_place
from imcap.data.pictures.deep import is_deep, read_samples
from imcap.data.pictures.depth import to_eight_bits, white_level
from imcap.data.pictures.limits import jpeg_limit, pixel_limit, reduction
from imcap.data.pictures.plugins import describe_unreadable, prepare_plugin
from imcap.data.pictures.png_chunks import PNG_START, plain_png, sample_bits
from imcap.data.pictures.silence import pillow_limit, silence
from imcap.data.pictures.turning import TURNED, orientation, upright
from imcap.errors import InputError
from imcap.files import StrPath, refuse_pointer

# A path, the bytes of a file, a PIL image or an array.
PictureLike = StrPath | bytes | bytearray | memoryview | Image.Image | ArrayLike
# Formats whose bytes go to TensorFlow as they are. GIF and BMP do not:
# TensorFlow ignores a GIF's transparency and a BMP's palette.
NATIVE_FORMATS = {"JPEG", "MPO", "PNG"}
SCALABLE_FORMATS = {"JPEG", "MPO"}  # decoded at a fraction of their size
JPEG_START = b"\xff\xd8\xff"
ANY_SIZE = 2**62  # pixels


def describe_picture(picture: PictureLike) -> str:
    """What to call a picture in a message: str."""
    if isinstance(picture, (str, os.PathLike)):
        return str(picture)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return f"picture of {len(picture)} bytes"
    if isinstance(picture, Image.Image):
        return f"picture of {picture.width} x {picture.height} pixels"
    return f"{type(picture).__name__} {np.shape(picture)}"


def read_encoded(picture: PictureLike, max_pixels: int | None = None) -> bytes:
    """A picture as bytes that `decode_image` reads.

    Other formats (webp, TIFF, 16-bit PGM, …) become PNG through Pillow.

    Args:
        picture: path of a file, its bytes, a PIL image, or an array (H, W),
            (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, or of floats in
            0..255; floats of which none is above 1 are taken as 0..1.
            Integers above 255 are scaled by the smallest of 10, 12, 14 and
            16 bits that holds the largest, and so are those of 16-bit files
            that do not say their depth.
        max_pixels: width times height allowed, checked before decoding;
            None for `pixel_limit()`. JPEG may have more, see `jpeg_limit`.

    Returns:
        bytes of a JPEG or PNG, made smaller where `reduction` says so.

    Raises:
        InputError: missing, empty, not a picture, or too large.
    """
    name = describe_picture(picture)
    max_pixels = pixel_limit() if max_pixels is None else max_pixels
    if isinstance(picture, (str, os.PathLike)):
        return _checked(name, read_picture(picture), max_pixels)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return _checked(name, bytes(picture), max_pixels)
    if not isinstance(picture, Image.Image):
        picture = _from_array(name, picture)
    _check_size(name, picture, max_pixels)
    try:
        return _as_png(picture, name)
    except OSError as error:  # a PIL image whose file is cut short
        raise InputError(f"{name}: damaged picture ({error})") from None


def _from_array(name: str, values: ArrayLike) -> Image.Image:
    """An array as a PIL image."""
    array = np.asarray(values)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    is_picture = array.ndim == 2 or (
        array.ndim == 3 and array.shape[2] in (3, 4)
    )
    if not is_picture or not array.size or array.dtype.kind not in "buif":
        raise InputError(
            f"{name}: not a picture; give (H, W), (H, W, 3) or (H, W, 4) "
            "numbers, one picture at a time or in a list"
        )
    if array.dtype.kind in "bf":
        array = _scaled_floats(np.nan_to_num(array.astype("float64")))
    elif array.dtype != np.uint8:
        # Wide integers that fit in 8 bits are no guess, but how NumPy counts.
        narrow = array.dtype.itemsize > 2 and array.max() <= 255
        array = to_eight_bits(array, 8 if narrow else 0, name)
    return Image.fromarray(array)


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
        name: of the picture, for the note on a guessed depth.
    """
    if is_deep(image):
        samples, declared = read_samples(image)
        image = Image.fromarray(to_eight_bits(samples, declared, name))
    else:
        image.load()
        image = upright(image)
    if image.mode == "F":
        image = Image.fromarray(_scaled_floats(np.asarray(image, "float64")))
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    has_alpha = has_alpha or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _scaled_floats(values: np.ndarray) -> np.ndarray:
    """Floats in 0..1, 0..255 or 0..(any depth) in 0..255: uint8."""
    largest = values.max(initial=0)
    if largest <= 1.0:
        values = values * 255.0
    elif largest > 255:
        values = values * (255.0 / white_level(largest))
    return np.clip(np.round(values), 0, 255).astype("uint8")


def picture_size(path: StrPath) -> tuple[int, int]:
    """(width, height) in pixels as seen upright, from the header alone.

    Raises:
        InputError: no such file, or no picture that Pillow knows.
    """
    source: StrPath | io.BytesIO = path
    if not Path(path).exists() and split_place(path) is not None:
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

"""One way from the bytes of a picture to pixels.

Extraction, training from pictures, the caption command and the exported
model all decode here, so that one picture gives one set of features.
"""

import functools
import io
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps, UnidentifiedImageError

from imcap.data.errors import InputError
from imcap.data.exif import orientation, upright

MAX_PIXELS = 89_478_485  # a quarter of a gigabyte of RGB, as Pillow warns at
JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
GIF_START, BMP_START = b"GIF8", b"BM"
# Formats whose bytes go to TensorFlow as they are. GIF and BMP do not:
# TensorFlow ignores a GIF's transparency and a BMP's palette.
NATIVE_FORMATS = {"JPEG", "MPO", "PNG"}


def decode_image(encoded):
    """Decodes JPEG, PNG, GIF (its first frame) or BMP.

    EXIF orientation is applied; grey, CMYK, palette and 16-bit pictures
    become 8-bit RGB; what is transparent is laid on white.

    Args:
        encoded: scalar string tensor, the bytes of the file.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: anything else, or cut short.
    """

    def starts_with(magic):
        head = tf.strings.substr(encoded, 0, len(magic))
        return tf.equal(head, magic)

    return tf.case(
        [
            (starts_with(JPEG_START), lambda: _decode_jpeg(encoded)),
            (starts_with(PNG_START), lambda: _decode_png(encoded)),
        ],
        default=lambda: _decode_other(encoded),
    )


def _decode_jpeg(encoded):
    image = tf.io.decode_jpeg(
        encoded, channels=3, dct_method="INTEGER_ACCURATE"
    )
    return upright(image, orientation(encoded))


def _decode_png(encoded):
    image = tf.cast(tf.io.decode_png(encoded, channels=4), tf.float32)
    color, alpha = image[..., :3], image[..., 3:] / 255.0
    # For grey of 1, 2 or 4 bits TensorFlow gives an opaque alpha of 1, 3, 15.
    header = tf.io.decode_raw(tf.strings.substr(encoded, 0, 26), tf.uint8)
    has_few_bits = (header[24] < 8) & (header[25] == 0)
    alpha = tf.where(has_few_bits, tf.sign(alpha), alpha)
    blended = color * alpha + 255.0 * (1.0 - alpha)
    return tf.cast(tf.round(blended), tf.uint8)


def _decode_other(encoded):
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def resize(image, height, width):
    """Stretches to (height, width), bilinear, smoothed when shrinking.

    Args:
        image: (H, W, 3), any numeric type, 0..255.
        height, width: pixels, int or scalar int32.

    Returns:
        (height, width, 3) float32 in 0..255.
    """
    resized = tf.image.resize(image, (height, width), antialias=True)
    return tf.clip_by_value(resized, 0.0, 255.0)


@functools.cache
def _compiled():
    """(encoded, height, width) -> pixels, traced once."""
    scalar = functools.partial(tf.TensorSpec, [])
    signature = [scalar(tf.string), scalar(tf.int32), scalar(tf.int32)]
    return tf.function(
        lambda encoded, height, width: resize(
            decode_image(encoded), height, width
        ),
        input_signature=signature,
    )


def read_encoded(path, max_pixels=MAX_PIXELS):
    """Reads a picture file as bytes that `decode_image` understands.

    Other formats (webp, TIFF, 16-bit PGM, …) become PNG through Pillow.

    Args:
        path: the file.
        max_pixels: width times height allowed, checked before decoding.

    Returns:
        bytes of a JPEG or PNG.

    Raises:
        InputError: missing, empty, not a picture, or too large.
    """
    encoded = _read_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(encoded)) as image:
                _check_size(path, image.size, max_pixels)
                # Pillow gives a GIF's canvas; a PNG may carry EXIF, too.
                turned = image.format == "PNG" and b"eXIf" in encoded
                if image.format in NATIVE_FORMATS and not turned:
                    return encoded
                return _as_png(image)
    except Image.DecompressionBombError:
        # Pillow's own limit, twice the default, holds whatever is asked for.
        raise _too_large(path, "far too many", max_pixels) from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture") from None
    except InputError:
        raise
    except Exception as error:
        # Pillow's plugins raise many kinds of error on damaged files.
        raise InputError(f"{path}: damaged picture ({error})") from None


def _read_bytes(path):
    try:
        encoded = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not encoded:
        raise InputError(f"{path}: empty file")
    return encoded


def _too_large(path, pixels, max_pixels):
    return InputError(
        f"{path}: {pixels} pixels, the limit is {max_pixels}; raise "
        "max_pixels if the file is meant to be that large"
    )


def _check_size(path, size, max_pixels):
    width, height = size
    if width * height > max_pixels:
        raise _too_large(path, width * height, max_pixels)


def _as_png(image):
    """The first frame as PNG bytes, 8-bit, upright."""
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image)
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    has_alpha = has_alpha or "transparency" in image.info
    image = image.convert("RGBA" if has_alpha else "RGB")
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=1)
    return target.getvalue()


def _eight_bits(image):
    """Grey of 16 bits or floats, scaled (not clipped) to 8 bits."""
    values = np.asarray(image, dtype="float64")
    if image.mode == "F" and values.max(initial=0) <= 1.0:
        values = values * 255.0
    elif values.max(initial=0) > 255:
        values = values / 257.0
    values = np.clip(np.round(values), 0, 255)
    return Image.fromarray(values.astype("uint8"))


def load_pixels(path, height, width, max_pixels=MAX_PIXELS):
    """Reads, decodes and resizes one picture.

    Args:
        path: the file.
        height, width: pixels.
        max_pixels: see `read_encoded`.

    Returns:
        (height, width, 3) float32 numpy array, RGB, 0..255.

    Raises:
        InputError: the reason why the file cannot be used.
    """
    encoded = read_encoded(path, max_pixels)
    try:
        return _compiled()(encoded, height, width).numpy()
    except tf.errors.OpError:
        raise InputError(
            f"{path}: damaged picture, perhaps cut short"
        ) from None


def check_image(path, max_pixels=MAX_PIXELS):
    """Why a picture cannot be used, or None when it can."""
    try:
        load_pixels(path, 8, 8, max_pixels)
    except InputError as error:
        return str(error).partition(f"{path}: ")[2]
    return None

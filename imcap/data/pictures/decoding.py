"""One way from the bytes of a picture to pixels.

Extraction, training from pictures, the caption command and the exported
model all decode here, so that one picture gives one set of features.
"""

import functools

import numpy as np
import tensorflow as tf

from imcap.data.pictures.crops import Crop
from imcap.data.pictures.deep_graph import decode_deep_png
from imcap.data.pictures.encoded import (
    JPEG_START,
    PictureLike,
    describe_picture,
    read_encoded,
)
from imcap.data.pictures.exif import orientation, upright
from imcap.data.pictures.png_chunks import PNG_START
from imcap.errors import InputError
from imcap.files import StrPath

GIF_START, BMP_START = b"GIF8", b"BM"


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes JPEG, PNG, GIF (its first frame) or BMP.

    EXIF orientation is applied; grey, CMYK, palette and 16-bit pictures
    become 8-bit RGB, those of 16 bits by the depth of their data (see
    `imcap.data.pictures.depth`); what is transparent is laid on white.

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
            (starts_with(JPEG_START), lambda: decode_jpeg(encoded)),
            (starts_with(PNG_START), lambda: _decode_png(encoded)),
        ],
        default=lambda: _decode_other(encoded),
    )


def decode_jpeg(encoded: tf.Tensor, divisor: int = 1) -> tf.Tensor:
    """Decodes a JPEG, upright, its sides divided by 1, 2, 4 or 8."""
    image = tf.io.decode_jpeg(
        encoded, channels=3, ratio=divisor, dct_method="INTEGER_ACCURATE"
    )
    return upright(image, orientation(encoded))


def _decode_png(encoded):
    header = tf.io.decode_raw(tf.strings.substr(encoded, 0, 26), tf.uint8)
    image = tf.cond(
        tf.equal(header[24], 16),
        lambda: decode_deep_png(encoded),
        lambda: tf.io.decode_png(encoded, channels=4),
    )
    image = tf.cast(image, tf.float32)
    color, alpha = image[..., :3], image[..., 3:] / 255.0
    # For grey of 1, 2 or 4 bits TensorFlow gives an opaque alpha of 1, 3, 15.
    has_few_bits = (header[24] < 8) & (header[25] == 0)
    alpha = tf.where(has_few_bits, tf.sign(alpha), alpha)
    blended = color * alpha + 255.0 * (1.0 - alpha)
    return tf.cast(tf.round(blended), tf.uint8)


def _decode_other(encoded):
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def resize(
    image: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """Bilinear resize to (height, width), antialiased when shrinking.

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
        autograph=False,
    )


@functools.cache
def _compiled_crop():
    """(encoded, height, width, box, mirrored) -> pixels, traced once."""

    def load(encoded, height, width, box, mirrored):
        image = decode_image(encoded)
        sides = tf.cast(tf.shape(image)[:2], tf.float32)
        first = tf.cast(box[:2] * sides, tf.int32)
        size = tf.cast(tf.round(box[2:] * sides), tf.int32)
        last = tf.maximum(
            first + 1, tf.minimum(first + size, tf.shape(image)[:2])
        )
        image = image[first[0] : last[0], first[1] : last[1]]
        image = tf.cond(mirrored, lambda: image[:, ::-1], lambda: image)
        return resize(image, height, width)

    scalar = functools.partial(tf.TensorSpec, [])
    box = tf.TensorSpec([4], tf.float32)
    sizes = [scalar(tf.int32), scalar(tf.int32)]
    signature = [scalar(tf.string), *sizes, box, scalar(tf.bool)]
    return tf.function(load, input_signature=signature, autograph=False)


def load_pixels(
    picture: PictureLike,
    height: int,
    width: int,
    max_pixels: int | None = None,
    crop: Crop | None = None,
) -> np.ndarray:
    """Reads, decodes and resizes one picture, or a part of it.

    Args:
        picture: path, bytes, array or PIL image, as `read_encoded` takes.
        height, width: pixels.
        max_pixels: see `read_encoded`.
        crop: `imcap.data.pictures.crops.Crop`, the part; None for all.

    Returns:
        (height, width, 3) float32 numpy array, RGB, 0..255.

    Raises:
        InputError: the reason why the file cannot be used.
    """
    encoded = read_encoded(picture, max_pixels)
    try:
        if crop is not None:
            box = np.asarray(crop[:4], "float32")
            load_crop = _compiled_crop()
            return load_crop(encoded, height, width, box, crop.mirrored).numpy()
        return _compiled()(encoded, height, width).numpy()
    except tf.errors.OpError:
        raise InputError(
            f"{describe_picture(picture)}: damaged picture, perhaps cut short"
        ) from None


def check_image(path: StrPath, max_pixels: int | None = None) -> str | None:
    """Why a picture cannot be used, or None when it can."""
    try:
        load_pixels(path, 8, 8, max_pixels)
    except InputError as error:
        return str(error).partition(f"{path}: ")[2]
    return None

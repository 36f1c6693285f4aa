"""Encoded pictures to pixels, in a graph that no picture can make fail."""

import functools
from typing import Any

import tensorflow as tf

from imcap.data.pictures import limits
from imcap.data.pictures.bmp import bmp_header, decode_bmp, is_readable
from imcap.data.pictures.decoding import (
    BMP_START,
    GIF_START,
    JPEG_START,
    PNG_START,
    decode_image,
    decode_jpeg,
    resize,
)
from imcap.data.pictures.exif import png_orientation, upright
from imcap.data.pictures.gif import decode_first_frame, find_first_frame

EMPTY = "empty"
UNKNOWN = "not a JPEG, PNG, GIF or BMP picture"
DAMAGED = "damaged picture, perhaps cut short"
STRANGE_BMP = "a BMP that is compressed, or not of 8, 24 or 32 bits a pixel"


def read_pictures(encoded: Any, size: int, max_pixels: int) -> tuple[Any, Any]:
    """Decodes and resizes pictures, each by itself and several at a time.

    Args:
        encoded: string tensor (B,), at least one, the bytes of JPEG, PNG,
            GIF (its first frame) or BMP files, turned as their EXIF says.
        size: int, side in pixels.
        max_pixels: int, width times height allowed, checked before
            decoding.

    Returns:
        pixels: float32 (B, size, size, 3), RGB, 0..255; 0 where there is an
            error.
        errors: string (B,), why a picture cannot be used; "" where it can.
    """
    count = tf.size(encoded)

    def read(place, encoded):
        error = _refusal(encoded, max_pixels)
        pixels = tf.cond(
            tf.equal(error, ""),
            lambda: resize(_decode(encoded), size, size),
            lambda: nothing,
        )
        return place, tf.ensure_shape(pixels, nothing.shape), error

    nothing = tf.zeros((size, size, 3))
    whole = tf.data.Dataset.from_tensor_slices((tf.range(count), encoded))
    whole = whole.map(read, tf.data.AUTOTUNE, deterministic=False)
    # Whatever decoding raises leaves that picture out; the last is never.
    last = tf.data.Dataset.from_tensors((count, nothing, ""))
    readable = whole.ignore_errors().concatenate(last)
    batch = readable.batch(tf.cast(count, tf.int64) + 1)
    places, pixels, errors = batch.get_single_element()
    places = places[:, None]
    pixels = tf.scatter_nd(places, pixels, (count + 1, *nothing.shape))
    damaged = tf.fill([count + 1], DAMAGED)
    errors = tf.tensor_scatter_nd_update(damaged, places, errors)
    return pixels[:count], errors[:count]


def _starts_with(encoded, magic):
    return tf.equal(tf.strings.substr(encoded, 0, len(magic)), magic)


def _of_format(encoded, functions, default):
    """What the function of the picture's format gives: JPEG, PNG, GIF, BMP."""
    magics = (JPEG_START, PNG_START, GIF_START, BMP_START)
    cases = [
        (_starts_with(encoded, magic), function)
        for magic, function in zip(magics, functions, strict=True)
    ]
    return tf.case(cases, default=default)


def _refusal(encoded, max_pixels):
    """Why a picture is not even decoded, by its header; "" if it may be."""
    height, width, wanted = _of_format(
        encoded,
        (
            lambda: _jpeg_size(encoded),
            lambda: _png_size(encoded),
            lambda: _gif_size(encoded),
            lambda: _bmp_size(encoded),
        ),
        lambda: (tf.constant(1), tf.constant(1), tf.constant(UNKNOWN)),
    )
    empty = tf.equal(tf.strings.length(encoded), 0)
    wanted = tf.where(empty, EMPTY, wanted)
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    wanted = tf.where((height < 1) | (width < 1), DAMAGED, wanted)
    is_jpeg = _starts_with(encoded, JPEG_START)
    limit = tf.cast(
        tf.where(is_jpeg, limits.jpeg_limit(max_pixels), max_pixels), tf.int64
    )
    large = tf.strings.join(
        [
            tf.strings.as_string(pixels),
            " pixels, the limit is ",
            tf.strings.as_string(limit),
        ]
    )
    return tf.where(pixels > limit, large, wanted)


def _jpeg_size(encoded):
    shape = tf.io.extract_jpeg_shape(encoded)
    return shape[0], shape[1], tf.constant("")


def _png_size(encoded):
    piece = tf.strings.substr(encoded, 16, 8)
    sides = tf.io.decode_raw(piece, tf.int32, little_endian=False)
    return sides[1], sides[0], tf.constant("")


def _gif_size(encoded):
    header = find_first_frame(encoded)
    # Space is made for the screen and for a frame that reaches beyond it.
    reach = header["frame"][:2] + header["frame"][2:]
    sides = tf.maximum(header["screen"], reach)
    return sides[1], sides[0], tf.constant("")


def _bmp_size(encoded):
    header = bmp_header(encoded)
    wanted = tf.where(is_readable(header), "", STRANGE_BMP)
    return header["height"], header["width"], wanted


def _decode(encoded):
    return _of_format(
        encoded,
        (
            lambda: _reduced_jpeg(encoded),
            lambda: upright(decode_image(encoded), png_orientation(encoded)),
            lambda: decode_first_frame(encoded),
            lambda: decode_bmp(encoded),
        ),
        lambda: tf.zeros((1, 1, 3), tf.uint8),
    )


def _reduced_jpeg(encoded):
    """A JPEG, decoded at the fraction that `limits.reduction` says."""
    shape = tf.cast(tf.io.extract_jpeg_shape(encoded), tf.int64)
    pixels, side = shape[0] * shape[1], tf.minimum(shape[0], shape[1])
    steps = tf.cast(pixels > limits.MAX_PIXELS, tf.int32)
    for step, fraction in enumerate(limits.FRACTIONS[:-1], 1):
        further = pixels > limits.MAX_PIXELS * fraction**2
        further |= side >= 2 * limits.ENOUGH * fraction
        steps += tf.cast(tf.equal(steps, step) & further, tf.int32)
    ways = [
        functools.partial(decode_jpeg, encoded, divisor)
        for divisor in (1, *limits.FRACTIONS)
    ]
    return tf.switch_case(steps, ways)

"""PNG of 16 bits to 8, in TensorFlow ops; see `depth` for the rule."""

import tensorflow as tf

from imcap.data.pictures.depth import DEPTHS, FULL
from imcap.data.pictures.png_chunks import PNG_START

CHUNKS = 512  # before the picture data; files hold a few
LEVELS = [2**bits - 1 for bits in DEPTHS if bits <= 16]


def significant_bits(encoded: tf.Tensor) -> tf.Tensor:
    """Bits that a PNG of 16 bits says it holds (sBIT).

    Args:
        encoded: scalar string, the bytes of a PNG file.

    Returns:
        Scalar int32; 0 where it does not say.
    """
    size = tf.strings.length(encoded)

    def walking(place, found):
        name = tf.strings.substr(encoded, tf.minimum(place + 4, size), 4)
        is_data = tf.equal(name, b"IDAT")
        return (place + 12 <= size) & tf.equal(found, 0) & ~is_data

    def step(place, found):
        piece = tf.strings.substr(encoded, place, 8)
        length = tf.io.decode_raw(
            tf.strings.substr(piece, 0, 4), tf.int32, little_endian=False
        )[0]
        length = tf.clip_by_value(length, 0, size - place - 8)
        is_ours = tf.equal(tf.strings.substr(piece, 4, 4), b"sBIT")
        content = tf.strings.substr(encoded, place + 8, length)
        values = tf.cond(
            is_ours,
            lambda: tf.cast(tf.io.decode_raw(content, tf.uint8), tf.int32),
            lambda: tf.zeros([1], tf.int32),
        )
        largest = tf.reduce_max(tf.concat([values, [0]], axis=0))
        found = tf.where(largest <= 16, largest, 0)
        return place + 12 + length, found

    _, found = tf.while_loop(
        walking,
        step,
        (tf.constant(len(PNG_START)), tf.constant(0)),
        maximum_iterations=CHUNKS,
    )
    return found


def decode_deep_png(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG of 16 bits a sample.

    Args:
        encoded: scalar string tensor, the bytes of the file.

    Returns:
        (H, W, 4) uint8, RGB and alpha.
    """
    samples = tf.io.decode_png(encoded, channels=4, dtype=tf.uint16)
    samples = tf.cast(samples, tf.int32)
    declared = significant_bits(encoded)
    color = _scaled(samples[..., :3], declared)
    alpha = _scaled(samples[..., 3:], declared)
    return tf.concat([color, alpha], axis=2)


def _scaled(samples, declared):
    """Integers of 16 bits in 0..255, uint8; `declared` as in the header."""
    largest = tf.reduce_max(samples)
    too_low = tf.reduce_sum(tf.cast(largest > tf.constant(LEVELS), tf.int32))
    guessed = tf.gather(LEVELS, tf.minimum(too_low, len(LEVELS) - 1))
    stated = tf.bitwise.left_shift(1, declared) - 1
    stated = tf.where(largest <= stated, stated, FULL)
    white = tf.where(declared > 0, stated, guessed)
    return tf.cast((samples * 255 + white // 2) // white, tf.uint8)

"""BMP pictures in TensorFlow ops, palettes included."""

import tensorflow as tf

FILE_HEADER = 14  # bytes before the header that describes the picture
SMALLEST_HEADER = 40  # bytes; those before Windows 3 were smaller
READ = (8, 24, 32)  # bits a pixel


def bmp_header(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parsed BMP header.

    Args:
        encoded: scalar string tensor, the bytes of the file.

    Returns:
        Dict of scalar int32 tensors: header (bytes), width, height,
        bits (a pixel), compression.

    Raises:
        tf.errors.InvalidArgumentError: cut short.
    """
    piece = tf.strings.substr(encoded, FILE_HEADER, 20)
    with tf.control_dependencies(
        [tf.debugging.assert_equal(tf.strings.length(piece), 20)]
    ):
        numbers = tf.io.decode_raw(piece, tf.int32)
    return {
        "header": numbers[0],
        "width": numbers[1],
        "height": tf.abs(numbers[2]),  # negative: from the top down
        "bits": tf.bitwise.right_shift(numbers[3], 16),
        "compression": numbers[4],
    }


def is_readable(header: dict[str, tf.Tensor]) -> tf.Tensor:
    """Whether it is a kind of BMP that `decode_bmp` reads: boolean."""
    plain = tf.equal(header["compression"], 0)
    depth = tf.reduce_any(header["bits"] == tf.constant(READ))
    return plain & depth & (header["header"] >= SMALLEST_HEADER)


def decode_bmp(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes an uncompressed BMP of 8, 24 or 32 bits a pixel.

    The fourth byte of 32 bits is left aside, as it mostly holds nothing.

    Args:
        encoded: scalar string tensor, the bytes of the file.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: damaged, or cut short.
    """
    image = tf.io.decode_bmp(encoded, channels=0)  # (H, W, bits / 8)
    return tf.cond(
        tf.equal(tf.shape(image)[2], 1),
        lambda: _coloured(encoded, image[..., 0]),
        lambda: image[..., :3],
    )


def _coloured(encoded, indices):
    """Colours (H, W, 3) of indices (H, W) into the file's palette."""
    first = FILE_HEADER + bmp_header(encoded)["header"]
    pixels = tf.io.decode_raw(tf.strings.substr(encoded, 10, 4), tf.int32)[0]
    piece = tf.strings.substr(encoded, first, pixels - first)
    count = tf.strings.length(piece) // 4
    piece = tf.strings.substr(piece, 0, 4 * count)
    palette = tf.reshape(tf.io.decode_raw(piece, tf.uint8), (-1, 4))
    return tf.gather(palette[:, 2::-1], tf.cast(indices, tf.int32))

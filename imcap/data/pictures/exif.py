"""EXIF orientation, read from JPEG bytes and applied, in TensorFlow ops."""

import tensorflow as tf

MARKER, START_OF_SCAN, APPLICATION_1 = 0xFF, 0xDA, 0xE1
ORIENTATION_TAG, SHORT = 0x0112, 3
LONGEST_WALK = 64  # segments before the picture data; files hold about ten


def _bytes(encoded, start, length):
    """Bytes [start, start + length) that exist, as int32: (≤ length,)."""
    size = tf.strings.length(encoded)
    start = tf.clip_by_value(start, 0, size)
    length = tf.clip_by_value(length, 0, size - start)
    piece = tf.strings.substr(encoded, start, length)
    return tf.cast(tf.io.decode_raw(piece, tf.uint8), tf.int32)


def _number(digits, little_endian):
    """The unsigned number in the last axis: (…, 2 or 4) -> (…)."""
    digits = tf.where(little_endian, tf.reverse(digits, [-1]), digits)
    total = tf.zeros_like(digits[..., 0])
    for position in range(digits.shape[-1]):
        total = total * 256 + digits[..., position]
    return total


def _number_at(encoded, start, width, little_endian):
    """An unsigned number of `width` bytes; -1 beyond the end."""
    digits = _bytes(encoded, start, width)
    whole = tf.equal(tf.size(digits), width)
    padded = tf.pad(digits, [[0, width - tf.size(digits)]])
    number = _number(tf.ensure_shape(padded, [width]), little_endian)
    return tf.where(whole, number, -1)


def _is_exif(encoded, start):
    return tf.equal(tf.strings.substr(encoded, start + 4, 6), b"Exif\0\0")


def _find_exif(encoded):
    """Offset of the TIFF header inside the APP1 segment, 0 if none."""
    size = tf.strings.length(encoded)

    def walking(start, found):
        head = _number_at(encoded, start, 2, False)
        is_segment = tf.equal(head // 256, MARKER)
        before_scan = tf.not_equal(head % 256, START_OF_SCAN)
        return tf.equal(found, 0) & is_segment & before_scan

    def next_segment(start, found):
        head = _number_at(encoded, start, 2, False)
        length = _number_at(encoded, start + 2, 2, False)
        is_ours = tf.cond(
            tf.equal(head % 256, APPLICATION_1) & (start + 10 <= size),
            lambda: _is_exif(encoded, start),
            lambda: tf.constant(False),
        )
        found = tf.where(is_ours, start + 10, 0)
        return start + 2 + tf.maximum(length, 2), found

    start = tf.constant(2)  # behind the start-of-image marker
    _, found = tf.while_loop(
        walking,
        next_segment,
        (start, tf.constant(0)),
        maximum_iterations=LONGEST_WALK,
    )
    return found


def _orientation_in_tiff(encoded, base):
    """The orientation of the first directory at `base`; 1 if unusable."""
    little = tf.equal(tf.strings.substr(encoded, base, 2), b"II")
    directory = _number_at(encoded, base + 4, 4, little)
    # A damaged offset may not be negative or wrap round.
    directory = base + tf.clip_by_value(directory, 0, 1 << 24)
    count = tf.maximum(_number_at(encoded, directory, 2, little), 0)
    raw = _bytes(encoded, directory + 2, 12 * count)
    entries = tf.reshape(raw[: 12 * (tf.size(raw) // 12)], [-1, 12])
    tags = _number(entries[:, :2], little)
    types = _number(entries[:, 2:4], little)
    values = _number(entries[:, 8:10], little)
    ours = tf.equal(tags, ORIENTATION_TAG) & tf.equal(types, SHORT)
    value = tf.concat([tf.boolean_mask(values, ours), [1]], axis=0)[0]
    return tf.where((value >= 1) & (value <= 8), value, 1)


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of a JPEG.

    Args:
        encoded: scalar string, the bytes of a JPEG file.

    Returns:
        Scalar int32 in 1..8; 1 where EXIF is absent or damaged.
    """
    base = _find_exif(encoded)
    usable = (base > 0) & (base + 8 <= tf.strings.length(encoded))
    return tf.cond(
        usable,
        lambda: _orientation_in_tiff(encoded, base),
        lambda: tf.constant(1),
    )


def png_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of a PNG, from its eXIf chunk.

    Args:
        encoded: scalar string, the bytes of a PNG file.

    Returns:
        Scalar int32 in 1..8; 1 where there is none, or it is damaged.
    """
    parts = tf.strings.split([encoded], sep="eXIf").flat_values
    base = tf.strings.length(parts[0]) + 4
    usable = base + 8 <= tf.strings.length(encoded)
    return tf.cond(
        (tf.size(parts) > 1) & usable,
        lambda: _orientation_in_tiff(encoded, base),
        lambda: tf.constant(1),
    )


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Applies an EXIF orientation: turns a picture upright.

    Args:
        image: (H, W, C).
        orientation: scalar int32, 1..8, as EXIF numbers them.

    Returns:
        (H, W, C), or (W, H, C) for 5..8.
    """
    flip_x, flip_y = [1], [0]
    turned = [
        lambda: image,
        lambda: tf.reverse(image, flip_x),
        lambda: tf.reverse(image, flip_x + flip_y),
        lambda: tf.reverse(image, flip_y),
        lambda: _transpose(image),
        lambda: tf.reverse(_transpose(image), flip_x),
        lambda: tf.reverse(_transpose(image), flip_x + flip_y),
        lambda: tf.reverse(_transpose(image), flip_y),
    ]
    return tf.switch_case(orientation - 1, turned)


def _transpose(image):
    return tf.transpose(image, [1, 0, 2])

"""The first frame of a GIF, in TensorFlow ops.

TensorFlow reads every frame of a file before it gives the first, whatever
their sizes, and paints black what is transparent. Here the file is cut behind
its first frame, and what that frame does not cover is white.
"""

import tensorflow as tf

EXTENSION, CONTROL, IMAGE, TRAILER = 0x21, 0xF9, 0x2C, b"\x3b"
SCREEN = 13  # bytes before the colours that all frames share
DESCRIPTOR = 10  # bytes before the colours of one frame
MOST_EXTENSIONS = 4096  # before the first frame; files hold a few


def find_first_frame(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
    """Finds the first frame of a GIF.

    Args:
        encoded: scalar string tensor, the bytes of the file.

    Returns:
        Dict of scalars: "file" (string), the bytes of a GIF of that frame
        alone; "start", where its descriptor begins; "transparent", boolean.
        "screen" (2,), its width and height; "frame" (4,), the left and
        upper edge of the frame on it, its width and height.

    Raises:
        tf.errors.InvalidArgumentError: no whole frame in it.
    """
    data = tf.cast(tf.io.decode_raw(encoded, tf.uint8), tf.int32)
    count = tf.size(data)
    data = tf.concat([data, [0]], axis=0)  # a place behind the end
    ends = _ends(data)

    def waiting(start, _):
        return tf.equal(data[tf.minimum(start, count)], EXTENSION)

    def skip(start, transparent):
        place = tf.minimum(start, count - 3)
        is_control = tf.equal(data[place + 1], CONTROL)
        flag = tf.equal(data[place + 3] % 2, 1)
        behind = ends[tf.minimum(start + 2, count)] + 1
        return behind, tf.where(is_control, flag, transparent)

    start, transparent = tf.while_loop(
        waiting,
        skip,
        (SCREEN + _table(data[10]), tf.constant(False)),
        maximum_iterations=MOST_EXTENSIONS,
    )
    start = tf.minimum(start, count)
    found = tf.equal(data[start], IMAGE) & (start + DESCRIPTOR < count)
    with tf.control_dependencies([tf.debugging.assert_equal(found, True)]):
        colours = _table(data[start + 9])
    behind = ends[tf.minimum(start + DESCRIPTOR + colours + 1, count)] + 1
    whole = tf.debugging.assert_less_equal(behind, count)
    with tf.control_dependencies([whole]):
        file = tf.strings.substr(encoded, 0, behind) + TRAILER
    return {
        "file": file,
        "start": start,
        "transparent": transparent,
        "screen": _numbers(encoded, 6, 2),
        "frame": _numbers(encoded, start + 1, 4),
    }


def _numbers(encoded, start, count):
    """Some numbers of 16 bits: int32 (count,)."""
    piece = tf.strings.substr(encoded, start, 2 * count)
    numbers = tf.cast(tf.io.decode_raw(piece, tf.uint16), tf.int32)
    return tf.ensure_shape(numbers, (count,))


def _ends(data):
    """For every place (n,), the empty block that ends blocks from there."""
    count = tf.size(data)
    places = tf.range(count)
    following = tf.where(data > 0, places + 1 + data, places)
    following = tf.minimum(following, count - 1)

    def moves(_, changed):
        return changed

    def leap(following, _):
        further = tf.gather(following, following)
        return further, tf.reduce_any(further != following)

    return tf.while_loop(moves, leap, (following, tf.constant(True)))[0]


def _table(flags):
    """Bytes of the colours that a field of flags announces."""
    has_palette = tf.equal(flags // 128, 1)
    return tf.where(has_palette, 3 * tf.bitwise.left_shift(2, flags % 8), 0)


def decode_first_frame(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes the first frame on white.

    Args:
        encoded: scalar string tensor, the bytes of a GIF.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: damaged, or cut short.
    """
    frame = find_first_frame(encoded)
    image = tf.cond(
        frame["transparent"],
        lambda: _decode(frame["file"]) + 255 - _decode(_whitened(frame)),
        lambda: _decode(frame["file"]),
    )
    corner, size = frame["frame"][:2], frame["frame"][2:]
    behind = tf.maximum(frame["screen"] - corner - size, 0)
    edges = tf.stack([corner, behind], axis=1)[::-1]  # rows, then columns
    edges = tf.concat([edges, [[0, 0]]], axis=0)
    return tf.pad(image, edges, constant_values=tf.constant(255, tf.uint8))


def _decode(file):
    return tf.io.decode_image(file, channels=3, expand_animations=False)


def _whitened(frame):
    """The same frame in which every colour is white."""
    file, start = frame["file"], frame["start"]
    data = tf.cast(tf.io.decode_raw(file, tf.uint8), tf.int32)

    def white(count):
        return tf.strings.reduce_join(tf.fill([count], b"\xff"))

    shared, own = _table(data[10]), _table(data[start + 9])
    middle, behind = SCREEN + shared, start + DESCRIPTOR
    return tf.strings.join(
        [
            tf.strings.substr(file, 0, SCREEN),
            white(shared),
            tf.strings.substr(file, middle, behind - middle),
            white(own),
            tf.strings.substr(file, behind + own, tf.strings.length(file)),
        ]
    )

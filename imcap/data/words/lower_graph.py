"""Lower case in TensorFlow ops."""

import tensorflow as tf


def lower_graph(strings: tf.Tensor) -> tf.Tensor:
    """Lower case of UTF-8 strings, as `str.lower` in every locale.

    In a Turkish locale TensorFlow makes a dotless letter of "I"; so the two
    letters that languages disagree about go first.

    Args:
        strings: UTF-8 string tensor, any shape.

    Returns:
        A string tensor of the same shape.

    Example:
        >>> lower_graph(tf.constant("IT")).numpy()
        b'it'
    """
    text = tf.strings.regex_replace(strings, "I", "i")
    text = tf.strings.regex_replace(text, "\u0130", "i\u0307")
    return tf.strings.lower(text, encoding="utf-8")

"""Tokenisation of raw captions in TensorFlow ops.

The same graph cleans text for training and inside an exported model.
"""

from collections.abc import Iterable

import tensorflow as tf
import tensorflow_text

# White space joins the dashes because WhitespaceTokenizer cuts every white
# space beyond ASCII, such as U+2028, in the middle of its bytes.
SPACES = r"[\p{Pd}\p{Z}\s\x{85}\x{1c}-\x{1f}]"

# ASCII punctuation and, so that typographic quotes do not survive where
# plain ones vanish, every other punctuation mark and invisible character.
DELETED = r"[[:punct:]\p{P}\p{Cf}]"
STRINGS_AT_ONCE = 65536


def tokenize(strings: tf.Tensor) -> tf.RaggedTensor:
    """Tokenises captions: lower-case words without punctuation.

    NFKC normalisation, lower case, dashes become spaces, all other
    punctuation is deleted, then a split at white space. sat_keras deletes
    the dash too and makes "tshirt" out of "t-shirt"; we part the word there
    because Karpathy's published tokens do.

    Args:
        strings: UTF-8 string tensor (M,).

    Returns:
        Ragged string tensor (M, None). A caption of nothing but punctuation
        gives an empty row.

    Example:
        >>> tokenize(tf.constant(["A dog's T-shirt ."])).to_list()
        [[b'a', b'dogs', b't', b'shirt']]
    """
    text = tensorflow_text.normalize_utf8(strings, "NFKC")
    text = tf.strings.lower(text, encoding="utf-8")
    text = tf.strings.regex_replace(text, SPACES, " ")
    text = tf.strings.regex_replace(text, DELETED, "")
    return tensorflow_text.WhitespaceTokenizer().tokenize(text)


def tokenize_strings(strings: Iterable[str]) -> list[list[str]]:
    """`tokenize` for Python strings.

    Args:
        strings: list of str.

    Returns:
        List of lists of str, one per string.
    """
    encoded = [text.encode("utf-8", "replace") for text in strings]
    rows: list[list[bytes]] = []
    for start in range(0, len(encoded), STRINGS_AT_ONCE):
        batch = tf.constant(encoded[start : start + STRINGS_AT_ONCE])
        rows.extend(tokenize(batch).to_list())
    return [[word.decode("utf-8") for word in row] for row in rows]

"""Tokenisation of raw captions in TensorFlow ops, for exported models.

Not for Windows: there are no wheels of TensorFlow Text for it.
"""

import tensorflow as tf
import tensorflow_text

from imcap.data.words.lower_graph import lower_graph

# White space joins the dashes because WhitespaceTokenizer cuts every white
# space beyond ASCII, such as U+2028, in the middle of its bytes.
SPACES = r"[\p{Pd}\p{Z}\s\x{85}\x{1c}-\x{1f}]"

# ASCII punctuation, all other punctuation marks and invisible characters.
DELETED = r"[[:punct:]\p{P}\p{Cf}]"


def tokenize_graph(strings: tf.Tensor) -> tf.RaggedTensor:
    """Tokenises captions as `imcap.data.words.tokenizer.tokenize` does.

    Letters that Unicode got in 2021 or later may keep their capitals here:
    TensorFlow's tables are older than Python's.

    Args:
        strings: UTF-8 string tensor (M,).

    Returns:
        Ragged string tensor (M, None). A caption of nothing but punctuation
        gives an empty row.

    Example:
        >>> tokenize_graph(tf.constant(["A dog's T-shirt ."])).to_list()
        [[b'a', b'dogs', b't', b'shirt']]
    """
    # The operations below stop at NUL.
    text = tf.strings.regex_replace(strings, r"\x00", " ")
    text = tensorflow_text.normalize_utf8(text, "NFKC")
    text = lower_graph(text)
    text = tf.strings.regex_replace(text, SPACES, " ")
    text = tf.strings.regex_replace(text, DELETED, "")
    return tensorflow_text.WhitespaceTokenizer().tokenize(text)

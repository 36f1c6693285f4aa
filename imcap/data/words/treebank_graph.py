"""Penn Treebank tokenisation in TensorFlow ops, for exported models.

TensorFlow's regular expressions cannot look ahead or behind, so the rules of
`TOKEN` become questions to the characters around each place: how long the
token would be that begins there. Tokens then follow one another from the
first character on.
"""

import tensorflow as tf

from imcap.data.words.lower_graph import lower_graph
from imcap.data.words.treebank import ABBREVIATIONS, PARTED

SPACE = r"[\p{Z}\s\x{0b}\x{85}\x{1c}-\x{1f}]"
WORD = r"[\p{L}\p{N}_]"
DIGIT = r"\p{Nd}"
OPENING = r"[ \t\n(\[{<]"
INSIDE = r"""[^.,:;@#$%&?!*"'“”«»‘’„`\[\](){}<>]"""
ENDINGS = ("'s", "'m", "'d", "'ll", "'re", "'ve", "n't")


def treebank_tokenize_graph(captions: tf.Tensor) -> tf.RaggedTensor:
    """Tokenises captions as `treebank_tokenize` does.

    Args:
        captions: UTF-8 string tensor (M,).

    Returns:
        Ragged string tensor (M, None).

    Example:
        >>> treebank_tokenize_graph(tf.constant(["It doesn't."])).to_list()
        [[b'it', b'does', b"n't", b'.']]
    """
    text = lower_graph(captions)
    # Spaces behind the end, so that every place has characters after it.
    chars = tf.strings.unicode_split(text, "UTF-8").to_tensor(" ")
    chars = tf.pad(chars, [[0, 0], [0, 4]], constant_values=" ")
    found = _Characters(chars)
    lengths = found.lengths()
    starts = _reached(lengths)
    pieces = tf.where(found.space, " ", found.quoted())
    apart = tf.where(found.glued(starts & (lengths == 1)), "\t", " ")
    pieces = tf.where(starts, tf.strings.join([apart, pieces]), pieces)
    return _words(tf.strings.reduce_join(pieces, axis=1))


class _Characters:
    """What is asked about each character, boolean tensors (M, T).

    Args:
        chars: string tensor (M, T), one character each.
    """

    def __init__(self, chars):
        self.chars = chars
        self.space = self.match(SPACE)
        self.word = self.match(WORD)
        self.digit = self.match(DIGIT)

    def match(self, pattern):
        """Whether a character matches a regular expression."""
        return tf.strings.regex_full_match(self.chars, pattern)

    def next(self, flags, distance=1):
        """What is said of the character so many places on; False beyond."""
        return tf.pad(flags[:, distance:], [[0, 0], [0, distance]])

    def before(self, flags):
        """What is said of the character before; False of the first."""
        return tf.pad(flags[:, :-1], [[0, 0], [1, 0]])

    def spell(self, letters):
        """Where these letters begin."""
        found = [
            self.next(self.chars == letter, distance)
            for distance, letter in enumerate(letters)
        ]
        return tf.reduce_all(tf.stack(found), axis=0)

    def ending(self, letters):
        """Where these letters begin, and no word goes on behind them."""
        return self.spell(letters) & ~self.next(self.word, len(letters))

    def lengths(self):
        """int32 (M, T), characters of the token that begins at each place."""
        dots, dashes = self.chars == ".", self.chars == "-"
        endings = {one: self.ending(one) for one in ENDINGS}
        any_ending = tf.reduce_any(tf.stack([*endings.values()]), axis=0)
        runs = [(dots, 2), (dashes, 2), (self.chars == "`", 1)]
        found = tf.ones_like(self.chars, tf.int32)
        # The rules of TOKEN from the last to the first, which wins.
        inside = self._longest(self._inside() & ~any_ending)
        found = tf.where(inside > 0, inside, found)
        dotted = self._dotted(dots)
        found = tf.where(dotted > 0, dotted, found)
        for letters, there in endings.items():
            found = tf.where(there, len(letters), found)
        found = tf.where(self.spell("''"), 2, found)
        for flags, least in runs:
            length = self._longest(flags)
            found = tf.where(length >= least, length, found)
        return found

    def _inside(self):
        """Characters that a token keeps, if no ending begins there."""
        joint = self.match(r"[.']") & self.next(self.word)
        joint &= self.before(~self.space)
        number = self.match("[,:]") & self.next(self.digit)
        kept = self.match(INSIDE) & ~self.space
        return (kept | joint | number) & ~self.spell("--")

    def _dotted(self, dots):
        """Lengths of a.m. and the like; 0 where there is none."""
        pairs = self._longest(self.word & self.next(dots), 2) // 2
        place = _places(self.chars) + 2 * pairs
        # Behind the last pair: the end, one letter more, or a whole word.
        last = tf.gather(self.word, place, batch_dims=1)
        behind = tf.minimum(place + 1, tf.shape(self.chars)[1] - 1)
        more = tf.gather(self.word, behind, batch_dims=1)
        several = tf.where(last, 2 * pairs - 1, 2 * pairs)
        several = tf.where(pairs > 1, several, 0)
        single = last & ~more & (pairs > 0)
        return tf.where(single, 2 * pairs + 1, several)

    def _longest(self, flags, stride=1):
        """How far places in strides go on with the flag set: int32 (M, T)."""
        here = _places(self.chars)
        last = tf.shape(flags)[1] - 1
        ends = tf.where(flags, tf.minimum(here + stride, last), here)
        return _followed(ends) - here

    def quoted(self):
        """The characters, double quotes as the Treebank spells them."""
        opening = self.before(self.match(OPENING))
        opening |= _places(self.chars) == 0
        quote = tf.where(opening, "``", "''")
        return tf.where(self.chars == '"', quote, self.chars)

    def glued(self, alone):
        """Full stops, alone, that may belong to the word before them."""
        later = tf.cumsum(
            tf.cast(~self.space, tf.int32), axis=1, reverse=True, exclusive=True
        )
        stops = alone & (self.chars == ".")
        return stops & self.before(~self.space) & (later > 0)


def _places(chars):
    """0, 1, 2, … in every row: int32 (M, T)."""
    shape = tf.shape(chars)
    return tf.broadcast_to(tf.range(shape[1]), shape)


def _followed(following):
    """Where each place (M, T) arrives that goes on to `following`."""

    def leap(following, _):
        further = tf.gather(following, following, batch_dims=1)
        return further, tf.reduce_any(further != following)

    start = (following, tf.constant(True))
    return tf.while_loop(lambda _, changed: changed, leap, start)[0]


def _reached(lengths):
    """Places where a token begins, when one follows the other: (M, T)."""
    count = tf.shape(lengths)[1]
    places = _places(lengths)
    following = tf.minimum(places + lengths, count - 1)
    rows = places * 0 + tf.range(tf.shape(lengths)[0])[:, None]

    def leap(reached, following, _):
        index = tf.stack([rows, following], axis=-1)
        there = tf.tensor_scatter_nd_max(reached, index, reached)
        further = tf.gather(following, following, batch_dims=1)
        return there, further, tf.reduce_any(further != following)

    first = tf.cast(places == 0, tf.int32)
    start = (first, following, tf.constant(True))
    return tf.while_loop(lambda *state: state[-1], leap, start)[0] > 0


def _words(text):
    """Words of texts (M,) whose tokens stand apart."""
    known = "|".join(sorted(ABBREVIATIONS))
    # A tab stands before a full stop that is glued to a word like these.
    text = tf.strings.regex_replace(
        text, rf"(^| )([^ \t]|{known})\t\.", r"\1\2."
    )
    words = tf.strings.split(text)
    flat = words.flat_values
    for word, parts in PARTED.items():
        flat = tf.where(flat == word, " ".join(parts), flat)
    joined = tf.strings.reduce_join(
        words.with_flat_values(flat), axis=1, separator=" "
    )
    return tf.strings.split(joined)

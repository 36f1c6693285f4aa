"""Tokenisation of raw captions in plain Python.

`tokenizer_graph` does the same inside an exported model; a test holds that
both give the same words. Here nothing need be installed: the operations of
the graph have no wheels for Windows.
"""

import unicodedata
from collections.abc import Iterable


class _Characters(dict[int, str | int | None]):
    """What becomes of each character: a table for `str.translate`.

    White space, dashes and NUL become spaces. ASCII punctuation goes and,
    so that typographic quotes do not survive where plain ones vanish, so do
    all other punctuation marks and invisible characters. What was looked up
    once is remembered.
    """

    def __missing__(self, code: int) -> str | int | None:
        self[code] = self._look_up(chr(code))
        return self[code]

    def _look_up(self, character: str) -> str | int | None:
        category = unicodedata.category(character)
        if category == "Pd" or character.isspace() or character == "\0":
            return " "
        symbol = character.isascii() and category.startswith("S")
        if symbol or category.startswith("P") or category == "Cf":
            return None
        return ord(character)


CHARACTERS = _Characters()


def tokenize(text: str) -> list[str]:
    """Tokenises a caption: lower-case words without punctuation.

    NFKC normalisation, lower case, dashes become spaces, all other
    punctuation is deleted, then a split at white space. sat_keras deletes
    the dash too and makes "tshirt" out of "t-shirt"; we part the word there
    because Karpathy's published tokens do.

    Args:
        text: as written. Half a surrogate pair is deleted.

    Returns:
        Words; none of a caption that is nothing but punctuation.

    Example:
        >>> tokenize("A dog's T-shirt .")
        ['a', 'dogs', 't', 'shirt']
    """
    if not text.isascii():
        # Half a pair becomes "?", which goes with other punctuation.
        text = text.encode("utf-8", "replace").decode("utf-8")
        text = unicodedata.normalize("NFKC", text)
    return text.lower().translate(CHARACTERS).split()


def tokenize_strings(strings: Iterable[str]) -> list[list[str]]:
    """`tokenize` for each of many strings."""
    return [tokenize(text) for text in strings]

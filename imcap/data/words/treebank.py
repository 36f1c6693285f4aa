"""Penn Treebank tokenisation of captions, as SCAN counts words.

SCAN's vocabularies hold the lower-case tokens of NLTK's `word_tokenize`.
The same rules are written here as one regular expression, so that nothing
need be downloaded: punctuation stands alone, "don't" is "do n't", "dog's" is
"dog 's", double quotes become `` and ''. NLTK finds the ends of sentences
with a trained model; here a full stop parts from its word at the end of a
caption or before a space, unless the word is an initial or one of
`ABBREVIATIONS`.
"""

import re
import sys

ABBREVIATIONS = {
    "mr", "mrs", "ms", "dr", "st", "ave", "vs", "etc", "jr", "sr", "co", "inc",
    "ltd", "no", "mt", "ft", "vol", "approx",
}  # fmt: skip
OPENING = frozenset(" \t\n([{<")

PARTED = {
    "cannot": ("can", "not"),
    "gimme": ("gim", "me"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "lemme": ("lem", "me"),
    "wanna": ("wan", "na"),
}

ENDINGS = "(?:'(?:s|m|d|ll|re|ve)|n't)"

# What no rule below takes apart from a word, full stops and commas aside.
INSIDE = r"[^\s.,:;@\#$%&?!*\"'“”«»‘’„`\[\](){}<>]"

TOKEN = re.compile(
    rf"""
    \.{{2,}} | --+ | `+ | ''                     # dots, dashes, quotes
    | '(?:s|m|d|ll|re|ve)(?!\w) | n't(?!\w) # what ends a contraction
    | (?:\w\.)+\w\.?(?!\w)                       # a.m.
    | (?:(?!{ENDINGS}(?!\w)|--)
        (?:{INSIDE}|(?<=[^\s])[.'](?=\w)|[,:](?=\d)))+
    | \S
    """,
    re.VERBOSE,
)


def treebank_tokenize(caption: str) -> list[str]:
    """Tokenises one caption: lower-case words, punctuation among them.

    Args:
        caption: str, as written.

    Returns:
        List of str.

    Example:
        >>> treebank_tokenize('A dog\\'s owner says "sit", and it doesn\\'t.')
        ['a', 'dog', "'s", 'owner', 'says', '``', 'sit', "''", ',', 'and',
         'it', 'does', "n't", '.']
    """
    text = caption.lower()
    words: list[str] = []
    for match in TOKEN.finditer(text):
        token = match[0]
        before = text[match.start() - 1] if match.start() else " "
        if token == '"':
            token = "``" if before in OPENING else "''"
        elif token == "." and _abbreviated(words, before, text, match.end()):
            words[-1] += "."
            continue
        words.extend(PARTED.get(token, (token,)))
    # Equal words are one object: a corpus repeats few words often.
    return [sys.intern(word) for word in words]


def _abbreviated(words: list[str], before: str, text: str, end: int) -> bool:
    """Whether the full stop before `end` belongs to the word before it."""
    if before.isspace() or not words or not text[end:].strip():
        return False
    return len(words[-1]) == 1 or words[-1] in ABBREVIATIONS

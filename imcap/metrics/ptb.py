"""Penn Treebank tokens of captions, as the caption metrics expect them.

The published scores of captioners are computed on the words that Stanford's
PTBTokenizer (3.4.1, `-preserveLines -lowerCase`) makes of each caption, with
punctuation dropped. Its behaviour is rebuilt here as regular expressions
tested against its output, so that scoring needs no Java. Telephone numbers,
markup and faces, which it keeps whole, come apart here.

At every position all rules are tried and the longest match wins; of equals
the first.
"""

import functools
import re
import unicodedata

from imcap.metrics import ptb_rules

# What pycocoevalcap drops. It means to drop brackets too, but looks for
# "-LRB-" after lower-casing, so they stay, and published scores count them.
PUNCTUATION = frozenset({"''", "``", "--", "...", *"'`.?!,:-;"})


SILENT = frozenset('"“”‘«»‹›–—―…‐‑')


BRACKETS = str.maketrans(
    {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-"}
    | {"{": "-lcb-", "}": "-rcb-"}
)


SPELLINGS = ptb_rules.FRACTIONS | ptb_rules.ENTITIES | ptb_rules.CHARACTERS


SPLIT_WORDS = frozenset({"cannot", "gonna", "wanna", "gotta", "lemme", "gimme"})


PLAIN_WORD = re.compile("[A-Za-z]+(?= |$)")


DASHES_OR_DOTS = re.compile(r"-{2,}|\.{3,}")


def _compile(*groups):
    rules = [rule for group in groups for rule in group]
    return [re.compile(rule) for rule in [*rules, ptb_rules.ANY_RULE]]


LETTER_FIRST = _compile(ptb_rules.WORD_RULES)


DIGIT_FIRST = _compile(ptb_rules.NUMBER_RULES, ptb_rules.WORD_RULES)


SYMBOL_FIRST = _compile(ptb_rules.SYMBOL_RULES, ptb_rules.WORD_RULES)


def _is_readable(character):
    """Whether a character is kept: emoji and control signs are not."""
    if character > "\uffff" or character in "\ufe0f\ufffd\u20b9":
        return False
    category = unicodedata.category(character)
    return category not in ("Cc", "Cf", "Cn", "Co", "Cs", "Nl")


def _clean(text):
    """Normalizes apostrophes, and puts spaces for what cannot be read."""
    text = text.replace("’", "'")
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character == "\xad" or _is_readable(character) else " "
        for character in text
    )


def _longest_match(text, position):
    first = text[position]
    if first.isalpha():
        rules = LETTER_FIRST
    elif "0" <= first <= "9":
        rules = DIGIT_FIRST
    else:
        rules = SYMBOL_FIRST
    best = None
    for rule in rules:
        match = rule.match(text, position)
        if match and (best is None or match.end() > best.end()):
            best = match
    return best


def _raw_tokens(text, end):
    """Yields the tokens of `text` that start before `end`."""
    position = 0
    while position < end:
        if text[position].isspace():
            position += 1
            continue
        match = PLAIN_WORD.match(text, position)
        if match and match[0].lower() not in SPLIT_WORDS:
            yield match[0]
            position = match.end()
            continue
        match = _longest_match(text, position)
        yield match[1]
        position = match.end(1)


def _spell(token):
    """Spells a token as the metrics expect it; empty for punctuation."""
    token = token.lower()
    if token in SILENT or DASHES_OR_DOTS.fullmatch(token):
        return ""
    token = SPELLINGS.get(token, token)
    if token in PUNCTUATION:
        return ""
    if len(token) == 1 or "(" in token or ")" in token:
        token = token.translate(BRACKETS)
    token = token.replace("&amp;", "&").replace("\xad", "")
    return token.replace(" ", "\xa0")


def tokenize(sentence, following=""):
    """Splits one caption into lower-case Penn Treebank words.

    Args:
        sentence: str, the caption as written.
        following: the caption on the next line. Stanford's tokenizer reads
            on: in "a letter W." the full stop ends the sentence, rather
            than belonging to "w.", if the next line opens with "The".

    Returns:
        List of str without punctuation. A space inside a token, as in the
        fraction "1 1/2", is a no-break space.

    Example:
        >>> tokenize("The dog's owner can't swim, at 8 a.m.")
        ['the', 'dog', "'s", 'owner', 'ca', "n't", 'swim', 'at', '8', 'a.m.']
    """
    text = _clean(sentence)
    if text.isascii() and text.replace(" ", "").isalpha():
        words = text.lower().split()
        if SPLIT_WORDS.isdisjoint(words):
            return words
    context = text + "\n" + _clean(following[:20])
    spelled = (_spell(token) for token in _raw_tokens(context, len(text)))
    return [token for token in spelled if token]


def tokenize_captions(captions):
    """Tokenizes what pycocoevalcap's scorers are to compare.

    Args:
        captions: dict from id to list of str, captions as written.

    Returns:
        Dict from id to list of str, tokens joined by single spaces.
    """
    pairs = [(key, text) for key, texts in captions.items() for text in texts]
    following = [text for _, text in pairs[1:]] + [""]
    tokenized = {key: [] for key in captions}
    for (key, text), after in zip(pairs, following, strict=True):
        tokenized[key].append(_joined(text, after[:20]))
    return tokenized


@functools.lru_cache(maxsize=1 << 18)
def _joined(text, following):
    """Tokens joined by spaces; references are asked for again and again."""
    return " ".join(tokenize(text, following))

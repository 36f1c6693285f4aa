"""Scripts without spaces between words: Chinese, Japanese, Thai and others."""

import re
import unicodedata
from collections.abc import Iterable

# Han, kana, Thai, Lao, Burmese, Khmer.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d"
    "\U00020000-\U0003134f]"
)
# Words of these scripts have one to three characters on average.
LONGEST_MEAN = 4.0


def lacks_spaces(captions: Iterable[Iterable[str]]) -> bool:
    """Whether captions are written without spaces between words.

    Args:
        captions: tokens of captions, split at spaces.

    Example:
        >>> lacks_spaces([["一个男孩在草地上跑步"]])
        True
        >>> lacks_spaces([["一个", "男孩", "在", "草地", "上", "跑步"]])
        False
    """
    tokens = characters = others = 0
    for caption in captions:
        for token in caption:
            found = len(UNSPACED.findall(token))
            tokens += bool(found)
            characters += found
            others += not found
    return tokens > others and characters > LONGEST_MEAN * tokens


def split_characters(tokens: Iterable[str]) -> list[str]:
    """Splits tokens so that each character of such a script is a word.

    Marks stay with the letter before them; other letters stay together.

    Example:
        >>> split_characters(["穿t恤的人"])
        ['穿', 't', '恤', '的', '人']
    """
    words: list[str] = []
    for token in tokens:
        alone = True
        for character in token:
            if unicodedata.category(character).startswith("M") and words:
                words[-1] += character
            elif UNSPACED.match(character):
                words.append(character)
                alone = True
            elif alone:
                words.append(character)
                alone = False
            else:
                words[-1] += character
    return words

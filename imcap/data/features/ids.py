"""Image ids as names of files, and back."""

import re

# What no file name may hold on some system, and what escapes it.
_UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f]|^\.|%(?=[0-9A-F]{2})')
_ESCAPED = re.compile(
    r"%([01][0-9A-F]|2[2AF]|3[ACEF]|5C|7C|(?<=^%)2E|25(?=[0-9A-F]{2}))"
)


def file_stem(image_id: int | str) -> str:
    """The name of an id's file, without its ending: never a path.

    Characters that part folders, or that some system forbids, become %XX,
    so that an id never leads out of its folder. `stem_id` turns it back.

    Example:
        >>> file_stem("cat/1"), file_stem("../x"), file_stem(7)
        ('cat%2F1', '%2E.%2Fx', '7')
    """
    return _UNSAFE.sub(lambda one: f"%{ord(one[0]):02X}", str(image_id))


def stem_id(stem: str) -> str:
    """The id of the file that `file_stem` named."""
    return _ESCAPED.sub(lambda one: chr(int(one[1], 16)), stem)

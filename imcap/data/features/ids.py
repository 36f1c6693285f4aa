"""Image ids as names of files, and back; ids that files hold."""

import re
from collections.abc import Iterable
from typing import Any

from imcap.errors import InputError
from imcap.files import escape

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


LARGEST_ID = 2**63  # numbers are kept as int64


def check_ids(values: Iterable[Any], where: object) -> list[int | str]:
    """Ids of a file, checked; whole floats become ints.

    Args:
        values: as they were read.
        where: the file, for the message.

    Raises:
        InputError: one that is no text and no whole number of 64 bits.
    """
    return [
        _check_id(value, f"{where}: id {row}")
        for row, value in enumerate(values)
    ]


def _check_id(value: Any, where: str) -> int | str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if -LARGEST_ID <= value < LARGEST_ID:
            return value
        raise InputError(
            f"{where} is a number of more than 64 bits; write it as text"
        )
    raise InputError(
        f"{where} is {value!r:.40}; an id is text or a whole number"
    )

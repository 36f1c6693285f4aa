"""Ids of pictures: which of two sources mean the same one."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from imcap.data.names import NameIndex, plain_name, unique_forms
from imcap.data.pictures.listing import ENDINGS

ImageId = int | str
_NUMBER = re.compile(r"0*(\d+)(?:\.0+)?", re.ASCII)
# A number from a column of floats; 18 digits fit into 64 bits.
_FLOAT = re.compile(r"0*(\d{1,18})\.0+", re.ASCII)
# What COCO's files are called: COCO_val2014_000000000042 is image 42.
_COCO = re.compile(
    r"(?:.*/)?coco_[a-z]+\d{4}_(\d{12})", re.ASCII | re.IGNORECASE
)
# Since 2017: 000000000042. No number of COCO has more than seven digits;
# 202012311259 is the time of a photo.
_COCO_2017 = re.compile(r"(0{5}\d{7})", re.ASCII)


def plain_id(image_id: ImageId) -> str:
    """What 7, "7", "007" and "7.0" have in common: "7"; else the text."""
    text = str(image_id)
    match = _NUMBER.fullmatch(text)
    return match[1] if match else text


def coco_number(name: str) -> int | None:
    """The image's number in a file name of COCO; None in any other name.

    Example:
        >>> coco_number("COCO_test2014_000000000042.jpg")
        42
    """
    stem = PurePosixPath(name.replace("\\", "/")).stem
    match = _COCO.fullmatch(stem) or _COCO_2017.fullmatch(stem)
    return int(match[1]) if match else None


def server_ids(image_ids: Sequence[ImageId]) -> list[ImageId]:
    """Ids as evaluation servers want them: numbers, where names hold them.

    Args:
        image_ids: of pictures; text where there is nothing but a file name.

    Returns:
        Ids in the same order: the numbers in COCO's file names, and those
        that became "42.0", if all are such; else the ids as they are.
    """
    numbers = [_server_number(key) for key in image_ids]
    found = [number for number in numbers if number is not None]
    if len(set(found)) < len(image_ids):
        return list(image_ids)
    return list(found)


def _server_number(image_id: ImageId) -> int | None:
    if isinstance(image_id, int):
        return image_id
    match = _FLOAT.fullmatch(image_id)
    return int(match[1]) if match else coco_number(image_id)


def picture_id(image_id: ImageId) -> str:
    """An id that may be the name of a picture's file, as a plain id.

    Large and small letters, NFC and NFD, / and \\, the ending of a picture,
    and what COCO writes before its numbers make no difference.

    Example:
        >>> picture_id("Dog.JPG"), picture_id("COCO_val2014_000000000042.jpg")
        ('dog', '42')
    """
    text = str(image_id)
    if text.isdecimal():
        return plain_id(text)
    name = plain_name(text).removeprefix("./")
    stem, dot, ending = name.rpartition(".")
    stem = stem if dot + ending in ENDINGS else name
    match = _COCO.fullmatch(stem)
    return plain_id(match[1] if match else stem)


def _name(file: str) -> str:
    """The name of a file without its folders."""
    return file.replace("\\", "/").rpartition("/")[2]


class IdIndex:
    """Rows by id. Ids match by their text, then by what they mean.

    "007" finds 7, and "dog.jpg" finds "Dog", where no other id has this
    value, on either side (see `plain_id`, `picture_id`).

    Args:
        ids: n ids; of equal ones the last counts.

    Example:
        >>> index = IdIndex(["000001", "dog"])
        >>> index.get(1), index.get("dog"), index.get(2)
        (0, 1, None)
    """

    def __init__(self, ids: Iterable[ImageId]) -> None:
        self._index = NameIndex(map(str, ids), (plain_id, picture_id))

    def __len__(self) -> int:
        """Number of different ids."""
        return len(self._index.rows)

    def get(self, image_id: ImageId) -> int | None:
        """The row of an id, or None."""
        return self._index.get(str(image_id))

    def find(self, image_id: ImageId) -> str | None:
        """The id, as text, that an id means, or None."""
        return self._index.find(str(image_id))

    def match(self, image_ids: Iterable[ImageId]) -> dict[str, int]:
        """Rows of those of some ids that have one of their own, by text."""
        return self._index.match(map(str, image_ids))

    def match_files(self, files: Iterable[str]) -> dict[str, int]:
        """Rows of pictures' files, by their paths or by their names alone.

        Args:
            files: paths as a caption file has them.

        Returns:
            Rows by path; by paths, by names of files, or by names of both
            sides, whichever finds most.
        """
        files = list(dict.fromkeys(files))
        by_path = self.match(files)
        if len(by_path) == len(files):
            return by_path
        # Names that two paths share are nobody's.
        paths = unique_forms(files, _name)
        names = self._index.match(paths)
        own = unique_forms(self._index.rows, _name)
        rows = [self._index.rows[name] for name in own.values()]
        both = NameIndex(own, self._index.forms).match(paths)
        ways = (
            by_path,
            {paths[name]: row for name, row in names.items()},
            {paths[name]: rows[row] for name, row in both.items()},
        )
        return max(ways, key=len)

    def known(self, image_ids: Sequence[ImageId]) -> set[ImageId]:
        """Those of some ids that have a row of their own.

        Of "007" and "07" none has the row of 7.
        """
        found = self.match(image_ids)
        return {name for name in image_ids if str(name) in found}


def show_ids(image_ids: Sequence[ImageId]) -> str:
    """Some ids, for a message that nothing meets: 'a', 'b', … of 40."""
    shown = ", ".join(repr(name) for name in image_ids[:3])
    return f"{shown}, … of {len(image_ids)}" if len(image_ids) > 3 else shown

"""Ids of pictures: which of two sources mean the same one."""

import collections
import re
from collections.abc import Iterable, Sequence

ImageId = int | str


def plain_id(image_id: ImageId) -> str:
    """What 7, "7", "007" and "7.0" have in common: "7"; else the text."""
    text = str(image_id)
    match = re.fullmatch(r"0*(\d+)(?:\.0+)?", text, re.ASCII)
    return match[1] if match else text


class IdIndex:
    """Rows by id. Ids match by their text, numbers by their value as well.

    "007" finds 7 where no other id has this value, on either side.

    Args:
        ids: n ids; of equal ones the last counts.

    Example:
        >>> index = IdIndex(["000001", "dog"])
        >>> index.get(1), index.get("dog"), index.get(2)
        (0, 1, None)
    """

    def __init__(self, ids: Iterable[ImageId]) -> None:
        self._rows = {str(name): row for row, name in enumerate(ids)}
        values = collections.Counter(map(plain_id, self._rows))
        self._by_value = {
            plain_id(name): row
            for name, row in self._rows.items()
            if values[plain_id(name)] == 1
        }

    def __len__(self) -> int:
        """Number of different ids."""
        return len(self._rows)

    def get(self, image_id: ImageId) -> int | None:
        """The row of an id, or None."""
        row = self._rows.get(str(image_id))
        return self._by_value.get(plain_id(image_id)) if row is None else row

    def known(self, image_ids: Sequence[ImageId]) -> set[ImageId]:
        """Those of some ids that have a row of their own.

        Of "007" and "07" none has the row of 7.
        """
        values = collections.Counter(map(plain_id, map(str, image_ids)))
        return {
            name
            for name in image_ids
            if str(name) in self._rows
            or (values[plain_id(name)] == 1 and self.get(name) is not None)
        }


def show_ids(image_ids: Sequence[ImageId]) -> str:
    """Some ids, for a message that nothing meets: 'a', 'b', … of 40."""
    shown = ", ".join(repr(name) for name in image_ids[:3])
    return f"{shown}, … of {len(image_ids)}" if len(image_ids) > 3 else shown

"""Names that mean one thing though they are written in several ways."""

import collections
import unicodedata
from collections.abc import Callable, Iterable, Sequence

Form = Callable[[str], str]


def plain_name(name: str) -> str:
    r"""A name in NFC, in small letters, with / for \.

    macOS writes "é" as "e" and an accent (NFD), others as one character
    (NFC). Windows takes \ for /, and both take "A.JPG" for "a.jpg".

    Example:
        >>> plain_name("Cafe\u0301\\A.JPG")
        'café/a.jpg'
    """
    name = name.replace("\\", "/")
    if name.isascii():
        return name.lower()
    name = unicodedata.normalize("NFC", name).casefold()
    return unicodedata.normalize("NFC", name)


def small_ending(name: str) -> str:
    """A name in NFC with its ending in small letters: "A.JPG" is "A.jpg"."""
    stem, dot, ending = unicodedata.normalize("NFC", name).rpartition(".")
    return stem + dot + ending.lower()


class NameIndex:
    """Rows by name, where names may be written in other ways.

    A name finds its own; then, form by form, the one name with the same
    form. What several names would find, or find several, finds none.

    Args:
        names: n names; of equal ones the last counts.
        forms: functions of a name, the closest first.

    Example:
        >>> index = NameIndex(["Dog.JPG", "cat.jpg"], [plain_name])
        >>> index.get("dog.jpg"), index.get("bird.jpg")
        (0, None)
        >>> index.match(["cat.jpg", "dog.jpg", "DOG.jpg"])
        {'cat.jpg': 1}
    """

    def __init__(self, names: Iterable[str], forms: Sequence[Form]) -> None:
        self.rows = {name: row for row, name in enumerate(names)}
        self.forms = forms
        self._unique: dict[Form, dict[str, str]] = {}

    def get(self, name: str) -> int | None:
        """The row of a name, or None."""
        found = self.find(name)
        return None if found is None else self.rows[found]

    def find(self, name: str) -> str | None:
        """The name that a name means, or None."""
        if name in self.rows:
            return name
        for form in self.forms:
            found = self._by_form(form).get(form(name))
            if found is not None:
                return found
        return None

    def match(self, names: Iterable[str]) -> dict[str, int]:
        """The rows of those of some names that have one of their own."""
        names = dict.fromkeys(names)
        found = {name: self.rows[name] for name in names if name in self.rows}
        for form in self.forms:
            if len(found) == len(names):
                break
            unique = self._by_form(form)
            for key, name in unique_forms(names, form).items():
                if name not in found and key in unique:
                    found[name] = self.rows[unique[key]]
        return {name: found[name] for name in names if name in found}

    def _by_form(self, form: Form) -> dict[str, str]:
        if form not in self._unique:
            self._unique[form] = unique_forms(self.rows, form)
        return self._unique[form]


def unique_forms(names: Iterable[str], form: Form) -> dict[str, str]:
    """The names by form that no other name shares."""
    pairs = [(form(name), name) for name in names]
    counts = collections.Counter(key for key, _ in pairs)
    return {key: name for key, name in pairs if counts[key] == 1}

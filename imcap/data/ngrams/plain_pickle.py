"""Pickles of plain values, from files that may come from anywhere."""

import collections
import pickle
from typing import Any

from imcap.errors import InputError
from imcap.files import StrPath

# Calling any of these does nothing but make a value; lists and dicts need no
# call, unless as what a defaultdict gives for a missing key.
PLAIN: dict[str, dict[str, Any]] = {
    "collections": {"defaultdict": collections.defaultdict},
    "builtins": {
        kind.__name__: kind for kind in (set, frozenset, list, dict, int, float)
    },
}


class PlainUnpickler(pickle.Unpickler):
    """Reads containers, strings and numbers, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Says no to what an ordinary pickle might run."""
        # Python 2's name for the same module.
        known = PLAIN.get(module.replace("__builtin__", "builtins"), {})
        if name not in known:
            raise pickle.UnpicklingError(
                f"it wants to run {module}.{name}, and only containers, "
                "strings and numbers are read"
            )
        return known[name]


def read_plain_pickle(path: StrPath) -> Any:
    """Reads a pickle of Python 2 or 3 that holds plain values only.

    Raises:
        InputError: the file is missing, cut short, no pickle, or holds
            anything but containers, strings and numbers.
    """
    try:
        with open(path, "rb") as file:
            # Python 2 wrote text as bytes; these must become str.
            return PlainUnpickler(file, encoding="latin1").load()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; check that the path is right"
        ) from None
    except Exception as error:
        # A damaged pickle may fail in any way.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: not a pickle of plain values ({reason}); make it anew "
            "with utils/prepro_ngrams.py"
        ) from None

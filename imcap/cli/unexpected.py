"""Errors that no check foresaw: which input brought them about."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

# Where this variable of the environment is set, tracebacks are shown.
TRACEBACK = "IMCAP_TRACEBACK"
LONGEST_REASON = 200
# What functions that read inputs call the place where they are.
PLACES = ("where", "path", "file", "image")


def describe_unexpected(error: Exception, given: Mapping[str, Any]) -> str:
    """One line about an error of a value that is not what it should be.

    Args:
        error: a `UnicodeError`, `OverflowError` or `TypeError`.
        given: the flags that were given, by name.
    """
    place = find_place(error) or ", ".join(find_files(given.values()))
    start = f"{place}: " if place else ""
    kind, reason = type(error).__name__, str(error)[:LONGEST_REASON]
    return (
        f"{start}a value is of another kind or size than expected "
        f"({kind}: {reason}); check what is given. If nothing is wrong with "
        f"it, report this with what {TRACEBACK}=1 shows"
    )


def find_place(error: Exception) -> str | None:
    """The innermost file, or entry of one, that was worked on."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        if not frame.f_globals.get("__name__", "").startswith("imcap."):
            continue
        for name in PLACES:
            value = frame.f_locals.get(name)
            value = getattr(value, "path", value)
            if isinstance(value, (str, os.PathLike)) and str(value):
                return str(value)
    return None


def find_files(values: Iterable[Any]) -> list[str]:
    """The files that are there among values of flags."""
    found: list[str] = []
    for value in values:
        several = value if isinstance(value, tuple) else (value,)
        found += [
            one
            for one in several
            if isinstance(one, str) and os.path.isfile(one)
        ]
    return found

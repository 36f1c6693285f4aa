"""Files that are either whole or absent."""

import contextlib
import json
import os
from pathlib import Path

from imcap.errors import InputError


@contextlib.contextmanager
def written_whole(path):
    """Yields a temporary path beside `path`; renames it on success.

    A reader never sees a half-written file under the final name: an
    exception, Ctrl-C or a full disk leaves what was there before.

    Args:
        path: the final path; its folder is made when missing.

    Example:
        >>> with written_whole("results.json") as beside:
        ...     beside.write_text("[]")
    """
    path = Path(path)
    if not path.name:
        raise InputError(f"{path}: give the name of what to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path, value, indent=None):
    """Writes `value` as JSON, whole or not at all."""
    with written_whole(path) as beside:
        text = json.dumps(value, indent=indent, ensure_ascii=False)
        beside.write_text(text + "\n", encoding="utf-8")


def read_json(path, remedy="check that the path is right"):
    """Reads JSON; what is missing, cut short or not JSON is InputError.

    Args:
        path: the file.
        remedy: how a person mends it, said at the end of the message.

    Returns:
        The parsed value.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); {remedy}"
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not valid JSON (line {error.lineno}: {error.msg}), "
            f"perhaps cut short; {remedy}"
        ) from None

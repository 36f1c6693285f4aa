"""Files that are either whole or absent."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imcap.errors import InputError

StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def atomic_write(
    path: StrPath, suffix: str = "", durable: bool = True
) -> Iterator[Path]:
    """Atomic write: yields a temporary path, renamed to `path` on success.

    A reader never sees a half-written file under the final name: an
    exception, Ctrl-C, a full disk or a power cut leaves what was there
    before.

    Args:
        path: the final path; its folder is made when missing.
        suffix: how the temporary name must end, as ".keras" for writers
            that look at it.
        durable: whether to wait until the disk has the data. False, where
            files are many and small and waiting would take longer than
            making them: then a power cut (nothing else) may leave the new
            name with less than all.

    Yields:
        The temporary path beside `path`; the body writes the file there.

    Raises:
        InputError: `path` names no file.

    Example:
        >>> with atomic_write("results.json") as partial:
        ...     partial.write_text("[]")
    """
    path = Path(path)
    partial = _beside(path, f"partial{suffix}")
    try:
        yield partial
        if durable:
            _flush_to_disk(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: StrPath, replace: bool = False) -> Iterator[Path]:
    """Atomic write of a folder: `atomic_write` for many files as one.

    Args:
        path: the final folder; an empty one may be there.
        replace: whether a folder with something in it is replaced.

    Yields:
        The temporary path beside `path`; the body makes the folder there.

    Raises:
        InputError: `path` names nothing, or is taken.
    """
    path = Path(path)
    partial, old = _beside(path, "partial"), _beside(path, "old")
    if path.is_dir() and any(path.iterdir()) and not replace:
        raise InputError(
            f"{path}: a folder with other things in it; give another name"
        )
    try:
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                _flush_to_disk(file)
        if path.is_dir():
            os.replace(path, old)
        os.replace(partial, path)
    finally:
        if old.exists() and not path.exists():
            os.replace(old, path)
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)


def _beside(path: Path, ending: str) -> Path:
    """A hidden name in the folder of `path`, which is made when missing."""
    if not path.name:
        raise InputError(f"{path}: give the name of what to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.{ending}")


def _flush_to_disk(path: Path) -> None:
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def is_same_file(given: StrPath | None, known: StrPath | None) -> bool:
    """Whether a given path means a known file; None is no other one."""
    if given is None or known is None:
        return given is None
    return Path(given).resolve() == Path(known).resolve()


def file_digest(path: StrPath) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def write_json(path: StrPath, value: Any, indent: int | None = None) -> None:
    """Writes `value` as JSON, whole or not at all."""
    with atomic_write(path) as partial:
        text = json.dumps(value, indent=indent, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(
    path: StrPath, remedy: str = "check that the path is right"
) -> Any:
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

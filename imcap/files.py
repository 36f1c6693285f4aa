"""Files that are either whole or absent."""

import codecs
import contextlib
import csv
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from imcap.errors import InputError

StrPath = str | os.PathLike[str]
WINDOWS = os.name == "nt"
# Seconds between attempts to replace a file that Windows says is in use:
# virus scanners look at new files for a moment.
PAUSES = (0.05, 0.2, 0.5, 1.0)
NOT_IN_NAMES = '<>:"|?*'  # on Windows; a colon would write a hidden stream
DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10)
}
POINTERS = (  # how they begin, what they are, what fetches the file
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer",
        "git lfs pull",
    ),
    (b"/annex/objects/", "a pointer of git-annex", "git annex get"),
)
LONGEST_NAME = 200  # bytes of a name that leave room for an ending


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
        replace_file(partial, path)
    finally:
        # Windows keeps what is still open; the first error counts.
        with contextlib.suppress(PermissionError):
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
            replace_file(path, old)
        replace_file(partial, path)
    finally:
        if old.exists() and not path.exists():
            replace_file(old, path)
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)


def _beside(path: Path, ending: str) -> Path:
    """A hidden name in the folder of `path`, which is made when missing."""
    if not path.name:
        raise InputError(f"{path}: give the name of what to write")
    stem = path.name.partition(".")[0].rstrip().upper()
    if WINDOWS and (set(path.name) & set(NOT_IN_NAMES) or stem in DEVICES):
        raise InputError(
            f"{path}: Windows has no files of this name; give a name without "
            f"{' '.join(NOT_IN_NAMES)} that is no device's, as CON is"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}.{os.getpid()}.{ending}")


def replace_file(source: StrPath, target: StrPath) -> None:
    """Renames a file or folder, over another of that name.

    On Windows a file that any program has open cannot be replaced: it is
    tried some times.

    Raises:
        InputError: on Windows, the target stays in use.
    """
    for pause in PAUSES if WINDOWS else ():
        with contextlib.suppress(PermissionError):
            os.replace(source, target)
            return
        time.sleep(pause)
    try:
        os.replace(source, target)
    except PermissionError:
        if not WINDOWS:
            raise
        raise InputError(
            f"{target}: cannot be replaced; close the programs that have it "
            "open, and try again"
        ) from None


def is_writable(folder: StrPath) -> bool:
    """Whether files can be written into a folder, which may be missing.

    It is tried: rights do not tell of read-only disks.
    """
    folder = Path(folder)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def expand_wildcards(names: Iterable[StrPath]) -> list[StrPath]:
    """Puts files in the place of `*.jpg`, as the shells of Windows do not.

    Args:
        names: paths and patterns. What is there under its own name, and
            what matches nothing, stays as it is.

    Returns:
        Paths, those of each pattern sorted.
    """
    found: list[StrPath] = []
    for name in names:
        text = os.fspath(name)
        if glob.has_magic(text) and not os.path.lexists(text):
            found.extend(sorted(glob.glob(text, recursive=True)) or [name])
        else:
            found.append(name)
    return found


def escape(text: str) -> str:
    r"""Text that UTF-8 can hold: half surrogate pairs become \udc80.

    Python has them for bytes of file names that are no UTF-8.

    Example:
        >>> print(escape("caf\udce9.jpg"))
        caf\udce9.jpg
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _flush_to_disk(path: Path) -> None:
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def file_digest(path: StrPath) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def write_rows(path: StrPath, rows: Iterable[Sequence[Any]]) -> None:
    """Writes a CSV table, whole or not at all; UTF-8.

    Args:
        path: the file.
        rows: cells of each, the head first. What no UTF-8 can hold is
            escaped.
    """
    with (
        atomic_write(path) as partial,
        open(
            partial, "w", newline="", encoding="utf-8",
            errors="backslashreplace",
        ) as file,
    ):  # fmt: skip
        csv.writer(file).writerows(rows)


def write_json(path: StrPath, value: Any, indent: int | None = None) -> None:
    """Writes `value` as JSON, whole or not at all."""
    with atomic_write(path) as partial:
        text = json.dumps(value, indent=indent, ensure_ascii=False)
        # What no UTF-8 can hold is escaped as JSON does it.
        partial.write_text(escape(text) + "\n", encoding="utf-8")


# Longest first: UTF-32's mark begins as UTF-16's does.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode_text(data: bytes) -> str:
    """Decodes text: UTF-8, or what its byte order mark says.

    The mark is no part of the text, nor is one in the middle, where files
    were joined. Line ends stay as they are.

    Raises:
        UnicodeDecodeError: the bytes are something else.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding).replace("\ufeff", "")
    return data.decode("utf-8").replace("\ufeff", "")


def lines_of(text: str) -> list[str]:
    r"""The lines of text, whatever ends them: \n, \r\n or \r.

    Not `str.splitlines`: texts and JSON hold characters such as U+2028 that
    it takes for ends.
    """
    return re.split(r"\r\n|\r|\n", text)


def read_text(
    path: StrPath, remedy: str = "check that the path is right"
) -> str:
    """Reads a text file, with or without a byte order mark.

    THE way to read text that a person or another tool wrote: UTF-8, or
    UTF-16 and UTF-32 with a mark, as Excel and Windows write them. Line ends
    become "\\n".

    Args:
        path: the file.
        remedy: how a person mends it, said at the end of the message.

    Raises:
        InputError: missing, not to be read, or of another encoding.
    """
    text = _decoded(Path(path), read_bytes(path, remedy), remedy)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(
    path: StrPath, remedy: str = "check that the path is right"
) -> bytes:
    """Reads a file; InputError if it is missing, unreadable or a pointer."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {remedy}") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); {remedy}"
        ) from None
    refuse_pointer(path, data)
    return data


def refuse_pointer(path: StrPath, data: bytes) -> None:
    """Refuses what Git LFS or git-annex leave in the place of a large file.

    Args:
        path: for the message.
        data: the content of the file, or its beginning.
    """
    for start, what, command in POINTERS:
        if data.startswith(start):
            raise InputError(
                f"{path}: {what}, not the file itself; run `{command}` in "
                "its repository"
            )


def _decoded(path: Path, data: bytes, remedy: str) -> str:
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: cannot be read as text (line {line}: {error}); save it "
            f"as UTF-8, or {remedy}"
        ) from None


def read_json(
    path: StrPath, remedy: str = "check that the path is right"
) -> Any:
    """Reads JSON; what is missing, cut short or not JSON is InputError.

    Args:
        path: the file; see `read_text` for its encodings.
        remedy: how a person mends it, said at the end of the message.

    Returns:
        The parsed value.
    """
    data = read_bytes(path, remedy)
    return parse_json(path, _decoded(Path(path), data, remedy), remedy)


def parse_json(path: StrPath, text: str, remedy: str) -> Any:
    """Parses the JSON text of a file as `read_json` does.

    Args:
        path: the file, or the file and the place in it, for messages.
        text: what stands there.
        remedy: how a person mends it.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not valid JSON (line {error.lineno}: {error.msg}), "
            f"perhaps cut short; {remedy}"
        ) from None
    except RecursionError:
        raise InputError(
            f"{path}: not usable JSON (nested too deeply); {remedy}"
        ) from None
    except ValueError:
        # Python refuses to read integers of more than 4,300 digits.
        raise InputError(
            f"{path}: not usable JSON (a number of thousands of digits); "
            f"{remedy}"
        ) from None

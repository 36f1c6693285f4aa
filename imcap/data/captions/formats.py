"""The contract of a caption format, and the file that is handed to it."""

import dataclasses
import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from imcap.data.captions.assembly import LeftOut, Picture
from imcap.data.captions.delimited import Table, read_table
from imcap.data.captions.fields import describe_names, read_size, require
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import MARKS, decode_text, escape, parse_json, read_bytes

__all__ = ["CaptionFile", "CaptionFormat", "Parsed", "read_size", "require"]

UTF_MARKS = tuple(mark for mark, _ in MARKS)
GZIP = b"\x1f\x8b"
HEAD = 512  # bytes that tell which kind of binary file it is
REMEDY = "give a caption file"
FOLDERS = (
    "photo.txt beside photo.jpg, metadata.csv or .jsonl, .parquet, .tar, "
    ".tfrecord or a dataset of save_to_disk; else give the file itself"
)


@dataclasses.dataclass(frozen=True)
class Parsed:
    """Parsed caption file: pictures with captions, vocabulary, splits.

    Args:
        pictures: list of `Picture`, in the file's order.
        vocabulary: the `Vocabulary` that numbered the words, in formats
            that hold ids instead of text; None elsewhere.
        split_files: lists of images that lie beside the file and split it,
            used where the caller gives no split.
        left_out: what was left out.
    """

    pictures: list[Picture]
    vocabulary: Vocabulary | None = None
    split_files: Sequence[Path] = ()
    left_out: LeftOut = dataclasses.field(default_factory=LeftOut)


class CaptionFile:
    """A caption file on disk; whatever is asked of it is read once.

    Args:
        path: the file, or a folder that holds a dataset.
        h5_path: the label file that belongs to it, where one was named.

    Attributes:
        notes: lines to be said about how it was read.
    """

    def __init__(self, path: Path, h5_path: Path | None = None) -> None:
        self.path = path
        self.h5_path = h5_path
        self.notes: list[str] = []

    @functools.cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder; False too where no path can be so."""
        return os.path.isdir(self.path)

    @functools.cached_property
    def head(self) -> bytes:
        """The first bytes; none of a folder. InputError where missing."""
        if self.is_folder:
            return b""
        try:
            with open(self.path, "rb") as file:
                return file.read(HEAD)
        except FileNotFoundError:
            raise InputError(
                f"{self.path}: no such file; check that the path is right"
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.path}: cannot be read ({error}); {REMEDY}"
            ) from None

    @functools.cached_property
    def is_text(self) -> bool:
        """Whether it is a file, and none of bytes: text has no NUL.

        UTF-16 has them, behind a byte order mark.
        """
        if self.is_folder or self.head.startswith(GZIP):
            return False
        return self.head.startswith(UTF_MARKS) or b"\0" not in self.head

    @functools.cached_property
    def first_line(self) -> str:
        """The first line that is not blank; InputError without one."""
        text = self.text.lstrip()
        end = re.search(r"[\r\n]", text)
        return text[: end.start()] if end else text

    @functools.cached_property
    def text(self) -> str:
        """The whole text, line ends as they are.

        UTF-8, or what its byte order mark says; what is neither is read as
        Windows-1252 where that is plausible, with a note.
        """
        if self.is_folder:
            endings = {file.suffix for file in self.path.iterdir()}
            raise InputError(
                f"{self.path}: a folder without known captions; it holds "
                f"{describe_names(sorted(endings))}, and due are {FOLDERS}"
            )
        data = read_bytes(self.path)
        try:
            text = decode_text(data)
        except UnicodeDecodeError as error:
            text = decode_windows(self.path, data, error)
            self.notes.append(
                "read as Windows-1252, for it is no UTF-8; save it as UTF-8 if "
                "letters with accents are wrong"
            )
        if not text.strip():
            raise InputError(f"{self.path}: the file is empty; restore it")
        return text

    @functools.cached_property
    def table(self) -> Table | None:
        """The text as a table of pictures and captions; None of others."""
        return read_table(self.text)

    @functools.cached_property
    def json(self) -> Any:
        """The parsed JSON, or None where it does not begin like JSON.

        Raises:
            InputError: it begins like JSON and is not, perhaps cut short.
        """
        if self.text.lstrip()[:1] not in ("{", "["):
            return None
        return parse_json(self.path, self.text, "restore the file")


def decode_windows(path: Path, data: bytes, error: UnicodeDecodeError) -> str:
    """The text of Windows-1252, where it can be nothing else.

    One damaged byte in a file of UTF-8 does not make it that, nor do
    bytes above 127 in rows, which are of other alphabets.

    Args:
        path: for the message.
        data: what is no UTF-8.
        error: what was said of it.

    Raises:
        InputError: it is something else.
    """
    line = data.count(b"\n", 0, error.start) + 1
    where = f"{path}: cannot be read as text (line {line}: {error})"
    loose = data.decode("utf-8", "replace")
    damaged = loose.count("\ufffd")
    good = sum(not char.isascii() for char in loose) - damaged
    runs = re.findall(rb"[\x80-\xff]+", data)
    length = sum(map(len, runs)) / max(len(runs), 1)
    binary = re.search(rb"[\x00-\x08\x0e-\x1f\x81\x8d\x8f\x90\x9d]", data)
    if (
        binary
        or data.startswith(UTF_MARKS)
        or 10 * good > damaged
        or length > 1.5
    ):
        raise InputError(f"{where}; save it as UTF-8, or {REMEDY}")
    return data.decode("cp1252")


class TextDecoder:
    """Decodes the many texts of a source; those of no UTF-8 are counted.

    Args:
        left_out: where texts are counted that cannot be decoded.
    """

    def __init__(self, left_out: LeftOut) -> None:
        self.left_out = left_out
        self._windows: list[str] = []

    def lines(self, path: Path, data: bytes) -> list[str] | None:
        """The lines of a text that are not blank; None of another encoding.

        Args:
            path: of the text, in an archive too, for messages.
            data: what stands there.
        """
        try:
            text = decode_text(data)
        except UnicodeDecodeError as error:
            try:
                text = decode_windows(path, data, error)
            except InputError:
                where = escape(str(path))
                self.left_out.add("texts that are no UTF-8", where)
                return None
            self._windows.append(escape(str(path)))
        lines = re.split(r"\r\n|\r|\n", text)
        return [line.strip() for line in lines if line.strip()]

    def notes(self) -> list[str]:
        """A line on what was taken for Windows-1252, if anything was."""
        if not self._windows:
            return []
        return [
            f"{len(self._windows)} texts read as Windows-1252, for they are "
            f"no UTF-8 (first: {self._windows[0]}); save them as UTF-8 if "
            "letters with accents are wrong"
        ]


class CaptionFormat(Protocol):
    """A format of caption files: a class with these three members.

    A new format is a file beside this one and a line in `FORMATS` of
    `reading.py`; nothing else has to know it. `read_captions` asks the
    formats in the order of that table and takes the first that recognises
    the file, so a narrow format stands above a broad one. Splits, words,
    empty captions and images without any are checked behind it, the same
    way for every format.

    Attributes:
        description: what people call such a file, for the message that
            lists the known formats: "COCO's captions_*.json".

    Example:
        A format of one caption a line, `caption => file name`:

        >>> from pathlib import Path
        >>> from imcap.data.captions.assembly import Picture
        >>> from imcap.data.captions.formats import CaptionFile, Parsed
        >>> from imcap.errors import InputError
        >>> from imcap.files import lines_of
        >>> class ArrowFormat:
        ...     description = "lines of 'caption => file name'"
        ...
        ...     def recognises(self, file: CaptionFile) -> bool:
        ...         return file.first_line.count(" => ") == 1
        ...
        ...     def parse(self, file: CaptionFile) -> Parsed:
        ...         captions: dict[str, list[str]] = {}
        ...         for number, line in enumerate(lines_of(file.text), 1):
        ...             if not line.strip():
        ...                 continue
        ...             if line.count(" => ") != 1:
        ...                 raise InputError(
        ...                     f"{file.path}: line {number} is not "
        ...                     "'caption => file name'; mend it or take it out"
        ...                 )
        ...             caption, name = line.split(" => ")
        ...             captions.setdefault(name, []).append(caption)
        ...         return Parsed(
        ...             [
        ...                 Picture(Path(name).stem, name, texts)
        ...                 for name, texts in captions.items()
        ...             ]
        ...         )
    """

    @property
    def description(self) -> str:
        """Name of the format in messages."""
        ...

    def recognises(self, file: CaptionFile) -> bool:
        """Whether a file is of this format, told by its content.

        Args:
            file: a `CaptionFile`. Its `first_line` is cheap, its `json`
                parsed once for all formats and None for text.
        """
        ...

    def parse(self, file: CaptionFile) -> Parsed:
        """Reads a file that `recognises` said yes to.

        Raises:
            InputError: one line that names the file, the entry in it and
                the remedy; `require` helps.
        """
        ...

"""The contract of a caption format, and the file that is handed to it."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from imcap.data.captions.assembly import Picture
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import read_json

HEAD = 100_000  # characters that are enough to tell the format


@dataclasses.dataclass(frozen=True)
class Parsed:
    """Parsed caption file: pictures with captions, vocabulary, splits.

    Args:
        pictures: list of `Picture`, in the file's order.
        vocabulary: the `Vocabulary` that numbered the words, in formats
            that hold ids instead of text; None elsewhere.
        split_files: lists of images that lie beside the file and split it,
            used where the caller gives no split.
    """

    pictures: list[Picture]
    vocabulary: Vocabulary | None = None
    split_files: Sequence[Path] = ()


class CaptionFile:
    """A caption file on disk; whatever is asked of it is read once.

    Args:
        path: the file.
        h5_path: the label file that belongs to it, where one was named.
    """

    def __init__(self, path: Path, h5_path: Path | None = None) -> None:
        self.path = path
        self.h5_path = h5_path

    @functools.cached_property
    def first_line(self) -> str:
        """The first line that is not blank; InputError without one."""
        return self._read(HEAD).lstrip().split("\n", 1)[0]

    @functools.cached_property
    def text(self) -> str:
        """The whole text, line ends as they are."""
        return self._read(-1)

    @functools.cached_property
    def json(self) -> Any:
        """The parsed JSON, or None where it does not begin like JSON.

        Raises:
            InputError: it begins like JSON and is not, perhaps cut short.
        """
        if self.first_line[:1] not in ("{", "["):
            return None
        return read_json(self.path, "restore the file")

    def _read(self, count: int) -> str:
        path = self.path
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                text = file.read(count)
        except FileNotFoundError:
            raise InputError(
                f"{path}: no such file; check that the path is right"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{path}: cannot be read as text ({error}); give a caption file"
            ) from None
        if not text.strip():
            raise InputError(f"{path}: the file is empty; restore it")
        return text


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
        A format of one caption a line, `file name | caption`:

        >>> from pathlib import Path
        >>> from imcap.data.captions.assembly import Picture
        >>> from imcap.data.captions.formats import CaptionFile, Parsed
        >>> from imcap.errors import InputError
        >>> class BarFormat:
        ...     description = "lines of 'file name | caption'"
        ...
        ...     def recognises(self, file: CaptionFile) -> bool:
        ...         return file.first_line.count(" | ") == 1
        ...
        ...     def parse(self, file: CaptionFile) -> Parsed:
        ...         captions: dict[str, list[str]] = {}
        ...         for number, line in enumerate(file.text.splitlines(), 1):
        ...             if not line.strip():
        ...                 continue
        ...             if line.count(" | ") != 1:
        ...                 raise InputError(
        ...                     f"{file.path}: line {number} is not "
        ...                     "'file name | caption'; mend it or take it out"
        ...                 )
        ...             name, caption = line.split(" | ")
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


def require(
    entry: Any, key: str, kind: type | tuple[type, ...], where: str | Path
) -> Any:
    """Looks up `entry[key]`, which must be there and of this kind.

    Args:
        entry: what stands in the file, expected to be a dict.
        key: str.
        kind: the type, or a tuple of types, that the value must have.
        where: file and entry for the message.

    Raises:
        InputError: otherwise.
    """
    if not isinstance(entry, dict) or key not in entry:
        raise InputError(f"{where}: {key!r} is missing; is the file complete?")
    value = entry[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            f"{where}: {key!r} has the wrong type ({type(value).__name__}); "
            "see the format in the documentation of read_captions"
        )
    return value


def read_size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    """(width, height) of an image, where its entry has them."""
    if "width" in entry and "height" in entry:
        return (entry["width"], entry["height"])
    return None

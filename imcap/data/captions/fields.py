"""Fields of caption files: what they are called, and what may stand in them."""

import ast
import contextlib
import contextvars
import dataclasses
import functools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from imcap.errors import InputError

# What a model said, in tables that may have references beside it.
PREDICTION_NAMES = (
    "prediction", "predictions", "predictedcaption", "predcaption", "pred",
    "generatedcaption", "generated", "hypothesis", "hyp", "candidate",
)  # fmt: skip
# Names in the wild, squeezed to letters and digits, the likeliest first.
IMAGE_NAMES = (
    "image", "imagename", "imagefile", "imagefilename", "imagepath",
    "imagefilepath", "filename", "filepath", "file", "fname", "path",
    "relativepath", "relpath", "localpath", "img", "imgname", "imgfile",
    "imgfilename", "imgpath", "images", "picture", "picturename",
    "picturefile", "picturepath", "photo", "photoname", "photofile",
    "photopath", "pic", "picname", "picfile", "picpath", "imageurl",
    "imgurl", "url", "name",
)  # fmt: skip
CAPTION_NAMES = (
    "caption", "captions", "captiontext", "captionstext", "captionstr",
    "captionraw", "imagecaption", "imagecaptions", "imagecaptionraw",
    "imagecaptiontext", "referencestrs", "cap", "caps", "comment",
    "comments", "sentence", "sentences", "sent", "sents", "text", "texts",
    "txt", "raw", "description", "descriptions", "imagedescription", "desc",
    "references", "reference", "refs", "alttext", "alt", "annotation",
    "textinput", "textoutput", "title", "prompt", "utterance",
    *PREDICTION_NAMES,
)  # fmt: skip
SPLIT_COLUMNS = (
    "split", "splits", "datasetsplit", "splitname", "subset", "set",
    "setname", "partition", "phase",
)  # fmt: skip
ID_NAMES = (
    "imageid", "cocoid", "cocoimageid", "imgid", "imageimageid", "imid",
    "photoid", "pictureid", "picid",
)  # fmt: skip
# Numbers of pictures or of captions; the rows tell which.
ROW_ID_NAMES = ("id", "key", "uid")
LARGEST_ID = 2**63
# Lists that became text.
NUMPY_ARRAY = re.compile(r"array\((\[.*\])(?:,\s*dtype=[^()]*)?\)", re.DOTALL)
LIST_START = re.compile(r"\[\s*[uU]?['\"]")
LIST_TOKEN = re.compile(
    r"(?P<space>\s*)(?:[uU]?(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<none>None)|(?P<cut>\.\.\.)|,|(?=\]$))"
)
ROLES = ("image", "caption", "id", "split")  # of columns that can be named


def squeeze(name: object) -> str:
    """'Image Name', 'image_name' and 'imageName' as 'imagename'."""
    return re.sub(r"[\W_]+", "", str(name).lower())


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a row hold what, by the names in the wild.

    Attributes:
        image, split, image_id, row_id: names as the source has them, the
            likeliest first.
        captions: the column of captions, or those of a wide table.
    """

    image: tuple[str, ...]
    captions: tuple[str, ...]
    split: tuple[str, ...]
    image_id: tuple[str, ...]
    row_id: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[Any]) -> "Columns":
        """The columns among `names`, those of a header or of an object."""
        plain = tuple(str(name) for name in names)
        stated = _stated.get()
        if stated is None:
            return _columns_of(plain, ())
        stated.found.update(set(plain).intersection(stated.names.values()))
        return _columns_of(plain, tuple(stated.names.items()))

    @property
    def usable(self) -> bool:
        """Whether there are captions, and pictures they belong to."""
        return bool(self.captions and (self.image or self.image_id))

    @property
    def bare(self) -> bool:
        """Whether there are pictures, and no captions."""
        return bool((self.image or self.image_id) and not self.captions)


@dataclasses.dataclass
class StatedColumns:
    """Columns that a person named, because of names that are unknown.

    Attributes:
        names: dict of a role out of `ROLES` to the column.
        found: the columns that were there.
    """

    names: Mapping[str, str]
    found: set[str] = dataclasses.field(default_factory=set)


_stated: contextvars.ContextVar[StatedColumns | None] = contextvars.ContextVar(
    "_stated", default=None
)


@contextlib.contextmanager
def stated_columns(names: Mapping[str, str]) -> Iterator[StatedColumns]:
    """Context in which `Columns` are told by these names first."""
    stated = StatedColumns(names)
    token = _stated.set(stated)
    try:
        yield stated
    finally:
        _stated.reset(token)


def stated_name(role: str) -> str | None:
    """The column that was named for a role out of `ROLES`, or None."""
    stated = _stated.get()
    return None if stated is None else stated.names.get(role)


def stated_image() -> str | None:
    """The column of pictures that was named, or None."""
    return stated_name("image")


@functools.lru_cache(maxsize=256)
def _columns_of(
    names: tuple[str, ...], stated: tuple[tuple[str, str], ...]
) -> Columns:
    named = {role: (name,) for role, name in stated if name in names}
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(squeeze(name), name)

    def chosen(aliases: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known[alias] for alias in aliases if alias in known)

    captions = named.get("caption") or chosen(CAPTION_NAMES)[:1]
    wide = "caption" not in named and [
        (int(match[2]), name)
        for key, name in known.items()
        if (match := re.fullmatch(r"(\D+)(\d{1,3})", key))
        and match[1] in CAPTION_NAMES
    ]
    if wide:
        captions += tuple(name for _, name in sorted(wide))
    images = named.get("image") or chosen(IMAGE_NAMES)
    return Columns(
        tuple(name for name in images if name not in captions),
        captions,
        named.get("split") or chosen(SPLIT_COLUMNS),
        named.get("id") or chosen(ID_NAMES),
        chosen(ROW_ID_NAMES),
    )


def describe_names(names: Iterable[Any]) -> str:
    """Names that were found, for a message: 'a', 'b' and 3 more."""
    shown = [ascii(str(name)[:40]) for name in names]
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return (", ".join(shown[:8]) or "none") + more


WHAT_WOULD_DO = (
    "a picture (image, file_name, path or image_id) and its text (caption, "
    "captions, comment, sentence or text); other names are told as "
    "FILE::image=NAME,caption=NAME"
)


KINDS = {str: "text", int: "a whole number", list: "a list", dict: "an object"}


def _describe_kind(kind: type | tuple[type, ...]) -> str:
    """The types that a field may have, in the words of JSON."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(KINDS.get(one, one.__name__) for one in kinds)


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
        InputError: otherwise; also where a text is none that UTF-8 can
            hold, or a number needs more than 64 bits.
    """
    if not isinstance(entry, dict) or key not in entry:
        raise InputError(f"{where}: {key!r} is missing; is the file complete?")
    value = entry[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            f"{where}: {key!r} has the wrong type ({type(value).__name__}); "
            f"due is {_describe_kind(kind)}"
        )
    if isinstance(value, str):
        return check_text(value, key, where)
    if isinstance(value, int):
        return check_number(value, key, where)
    return value


def optional(
    entry: Mapping[str, Any], key: str, kind: type, where: str | Path
) -> Any:
    """`require`, but None where the value is absent or null."""
    if entry.get(key) is None:
        return None
    return require(entry, key, kind, where)


def check_text(value: Any, what: str, where: str | Path) -> str:
    """`value`, which must be text that can be written down.

    Raises:
        InputError: it is no str, holds half of a surrogate pair, which no
            encoding has, or a NUL, which no file name has.
    """
    if not isinstance(value, str):
        raise InputError(
            f"{where}: {what!r} has the wrong type ({type(value).__name__}); "
            "text is due"
        )
    if value.isascii() and "\0" not in value:
        return value
    bad = re.search("[\0\ud800-\udfff]", value)
    if bad is not None:
        raise InputError(
            f"{where}: {what!r} holds {bad.group()!a}, which is no text; "
            "mend it"
        )
    return value


def check_number(value: int, what: str, where: str | Path) -> int:
    """`value`, which must fit 64 bits, as everything that keeps ids."""
    if not -LARGEST_ID <= value < LARGEST_ID:
        raise InputError(
            f"{where}: {what!r} is a number of more than 64 bits; write it as "
            "text"
        )
    return value


def is_null(value: Any) -> bool:
    """Whether a cell is empty: None, or the NaN of pandas."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def parse_id(value: Any, what: str, where: str | Path) -> int | str | None:
    """An id: int or text; None where the cell is empty.

    Text that is a number as Python writes it, "7", becomes that number;
    "007" stays text.

    Raises:
        InputError: anything else.
    """
    if is_null(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return check_number(value, what, where)
    text = check_text(value, what, where).strip()
    if re.fullmatch(r"0|[1-9][0-9]{0,18}", text) and int(text) < LARGEST_ID:
        return int(text)
    return text or None


def parse_name(value: Any, what: str, where: str | Path) -> str | None:
    """The file name in a cell; None where it is empty.

    A cell may be an object with `path` or `file_name` beside the bytes, as
    Hugging Face's datasets have them.
    """
    if isinstance(value, Mapping):
        inner = (value.get(key) for key in ("path", "file_name", "filename"))
        value = next((name for name in inner if name is not None), None)
    if is_null(value):
        return None
    return check_text(value, what, where).strip() or None


def parse_captions(value: Any, what: str, where: str | Path) -> list[str]:
    """The captions in a cell, "" for one that is null.

    A cell may be text, a list of texts, a list written as text, and either
    of objects that hold the text as `raw`, `caption`, `text` or `sentence`.

    Raises:
        InputError: anything else.
    """
    if is_null(value):
        return [""]
    if isinstance(value, Mapping):
        columns = Columns.of(value)
        if not columns.captions:
            if isinstance(value.get("tokens"), list):
                words = value["tokens"]
                return [
                    " ".join(
                        check_text(word, "tokens", where) for word in words
                    )
                ]
            raise InputError(
                f"{where}: {what!r} holds an object without text; its keys "
                f"are {describe_names(value)}"
            )
        key = columns.captions[0]
        return parse_captions(value[key], key, where)
    if isinstance(value, (list, tuple)):
        return [
            text for item in value for text in _texts_of_item(item, what, where)
        ]
    text = check_text(value, what, where).strip()
    return _written_list(text, what, where) or [text]


def _texts_of_item(item: Any, what: str, where: str | Path) -> list[str]:
    if isinstance(item, (list, tuple)):
        raise InputError(f"{where}: {what!r} holds a list in a list; text due")
    return parse_captions(item, what, where)


def _written_list(text: str, what: str, where: str | Path) -> list[str] | None:
    """The texts of '["A dog.", "Dogs."]', a list that became text.

    As JSON, Python or NumPy write them; NumPy puts no commas. None where it
    is other text.
    """
    text = NUMPY_ARRAY.sub(r"\1", text)
    if LIST_START.match(text) is None or not text.endswith("]"):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = _python_texts(text, f"{where}: {what!r}")
    if not values or not all(
        one is None or isinstance(one, str) for one in values
    ):
        return None
    return [check_text(one or "", what, where) for one in values]


def _python_texts(text: str, where: str) -> list[str | None] | None:
    """The texts of a list as Python or NumPy write it; None of others.

    Python itself would join texts that no comma parts.
    """
    found: list[str | None] = []
    place, parted, cut = 1, True, False
    while place < len(text) - 1:
        token = LIST_TOKEN.match(text, place)
        if token is None:
            return None
        if token["text"] or token["none"]:
            if not parted and not token["space"]:
                raise InputError(
                    f"{where}: texts of a list touch each other; part them "
                    "with commas"
                )
            try:
                found.append(ast.literal_eval(token["text"] or "None"))
            except (ValueError, SyntaxError, MemoryError):
                return None
        cut = cut or bool(token["cut"])
        parted = not (token["text"] or token["none"])
        place = token.end()
    if cut:
        raise InputError(
            f"{where}: a list that was cut where it says ...; write it whole"
        )
    return found


def read_size(
    entry: Mapping[str, Any], where: str | Path
) -> tuple[int, int] | None:
    """(width, height) of an image in pixels, where its entry has them.

    Raises:
        InputError: something but numbers above zero.
    """
    pair = (entry.get("width"), entry.get("height"))
    if any(is_null(value) for value in pair):
        return None
    sizes = []
    for name, value in zip(("width", "height"), pair, strict=True):
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value.strip()[:20])
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not 0 < value < LARGEST_ID
        ):
            raise InputError(
                f"{where}: {name!r} is no size in pixels; give a number, or "
                "leave it out"
            )
        sizes.append(int(value))
    return sizes[0], sizes[1]

"""JSON caption formats: Karpathy's, COCO's, and entries of other names."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from imcap.data.captions.assembly import LeftOut, Picture
from imcap.data.captions.delimited import PICTURE
from imcap.data.captions.fields import (
    Columns,
    check_text,
    describe_names,
    optional,
    parse_id,
)
from imcap.data.captions.formats import (
    CaptionFile,
    Parsed,
    read_size,
    require,
)
from imcap.data.captions.rows import Row, pictures_of_rows
from imcap.data.captions.splits import SPLIT_NAMES, parse_split
from imcap.data.ids import IdIndex
from imcap.errors import InputError

NO_NAME = "images without a file name"  # in counts of what is left out
NO_ID = "images without an id"


class KarpathyFormat:
    """`dataset_*.json`: images with split and tokenised sentences."""

    description = "Karpathy's dataset_*.json"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is an object with `images`, one of them with sentences."""
        if not isinstance(file.json, dict) or "images" not in file.json:
            return False
        images = file.json["images"]
        first = images[0] if isinstance(images, list) and images else None
        if not isinstance(first, dict):
            return not isinstance(first, str)  # and what is wrong is said
        if not any("sentences" in one for one in images if _is_object(one)):
            return False
        own = {"filename", "sentences"}
        return own <= set(first) or not Columns.of(first).usable

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an entry of `images`."""
        path, pictures, left_out = file.path, [], LeftOut()
        for index, entry in enumerate(require(file.json, "images", list, path)):
            where = f"{path}: images[{index}]"
            name = _name_of(entry, "filename", where)
            number = _number_of(entry, where)
            if name is None or number is None:
                what = NO_NAME if name is None else NO_ID
                left_out.add(what, f"images[{index}]")
                continue
            captions, tokens = _sentences(entry, where)
            folder = optional(entry, "filepath", str, where) or ""
            pictures.append(
                Picture(
                    number,
                    str(PurePosixPath(folder, name)),
                    captions,
                    tokens,
                    parse_split(require(entry, "split", str, where), where),
                    read_size(entry, where),
                )
            )
        return Parsed(pictures, left_out=left_out)


def _number_of(entry: Mapping[str, Any], where: str) -> int | str | None:
    """The id of COCO, or else that of the file; None where both are null."""
    number = parse_id(entry.get("cocoid"), "cocoid", where)
    if number is not None or ("cocoid" in entry and "imgid" not in entry):
        return number
    return _id_of(entry, "imgid", where)


def _id_of(entry: Any, key: str, where: str) -> int | str | None:
    """The id under a key that must be there; None where it is null."""
    return parse_id(require_object(entry, key, where)[key], key, where)


def _name_of(entry: Any, key: str, where: str) -> str | None:
    """The file name under a key that must be there; None where it is null."""
    name = optional(require_object(entry, key, where), key, str, where)
    return name if name and name.strip() else None


def _sentences(
    entry: Mapping[str, Any], where: str
) -> tuple[list[str], list[list[str]] | None]:
    """Raw captions and words; the words are None where one lacks them."""
    captions, tokens = [], []
    sentences = require(entry, "sentences", list, where)
    for index, sentence in enumerate(sentences):
        at = f"{where}.sentences[{index}]"
        if not isinstance(sentence, dict) or "tokens" not in sentence:
            raw = optional(require_object(sentence, "raw", at), "raw", str, at)
            captions.append(raw or "")
            continue
        words = require(sentence, "tokens", list, at)
        if not all(isinstance(word, str) for word in words):
            raise InputError(f"{at}: 'tokens' holds something but words")
        tokens.append([check_text(word, "tokens", at) for word in words])
        raw = optional(sentence, "raw", str, at)
        captions.append(raw or " ".join(words))
    if tokens and len(tokens) < len(sentences):
        raise InputError(
            f"{where}: some sentences have 'tokens' and some have not; "
            "give them to all or to none"
        )
    return captions, tokens if tokens or not sentences else None


def require_object(value: Any, key: str, where: str) -> Mapping[str, Any]:
    """`value`, which must be an object that has `key`."""
    if not isinstance(value, dict) or key not in value:
        raise InputError(f"{where}: {key!r} is missing; is the file complete?")
    return value


class CocoFormat:
    """`captions_*.json`: images and annotations that point at them."""

    description = "COCO's captions_*.json"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is an object with `images` and `annotations`."""
        return isinstance(file.json, dict) and (
            {"images", "annotations"} <= set(file.json)
        )

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an entry of `images`, with its annotations.

        Annotations of other kinds (boxes, key points) and of images that
        are not in the list are left out and counted.
        """
        left_out = LeftOut()
        pictures = _pictures_of_coco(file, left_out)
        captions: dict[str, list[str]] = {}
        places: dict[str, list[str]] = {}
        for place, key, text in _annotations(file, left_out):
            captions.setdefault(key, []).append(text)
            places.setdefault(key, []).append(place)
        known = IdIndex(pictures)
        found = known.match(captions)
        listed = list(pictures.values())
        for key, texts in captions.items():
            if key not in found:
                for place in places[key]:
                    left_out.add("captions of absent images", place)
                continue
            picture = listed[found[key]]
            if picture is not None:
                picture.captions = [*(picture.captions or []), *texts]
        kept = [picture for picture in listed if picture is not None]
        return Parsed(kept, left_out=left_out)


def _pictures_of_coco(
    file: CaptionFile, left_out: LeftOut
) -> dict[str, Picture | None]:
    """The entries of `images` by id; None for one without a file name."""
    path = file.path
    pictures: dict[str, Picture | None] = {}
    for index, entry in enumerate(require(file.json, "images", list, path)):
        place = f"images[{index}]"
        where = f"{path}: {place}"
        number = _id_of(entry, "id", where)
        name = _name_of(entry, "file_name", where)
        if number is None:
            left_out.add(NO_ID, place)
            continue
        if name is None:
            left_out.add(NO_NAME, place)
            pictures.setdefault(str(number), None)
            continue
        size = read_size(entry, where)
        known = pictures.get(str(number))
        if known is None:
            split = optional(entry, "split", str, where)
            split = parse_split(split, where) if split else None
            pictures[str(number)] = Picture(
                number, name, [], split=split, size=size
            )
        elif known.file == name:
            left_out.add("repeated images", place)
        else:
            raise InputError(
                f"{where}: id {number} appears twice ({known.file} and "
                f"{name}); give each image its own id"
            )
    return pictures


def _annotations(
    file: CaptionFile, left_out: LeftOut
) -> Iterator[tuple[str, str, str]]:
    """Place, id of the image as text, and caption of each annotation."""
    path = file.path
    annotations = require(file.json, "annotations", list, path)
    _check_kinds(path, annotations)
    for index, entry in enumerate(annotations):
        place = f"annotations[{index}]"
        where = f"{path}: {place}"
        if _is_foreign(entry):
            left_out.add("annotations of other kinds", place)
            continue
        key = _id_of(entry, "image_id", where)
        text = _caption(entry, where)
        if key is None:
            left_out.add("captions of absent images", place)
        else:
            yield place, str(key), text


# What annotations of other tasks have.
OTHER_KINDS = {
    "bbox", "segmentation", "keypoints", "category_id", "segments_info",
    "question", "question_id",
}  # fmt: skip


def _is_foreign(entry: Any) -> bool:
    """Whether an annotation is one of another task."""
    return (
        isinstance(entry, dict)
        and "caption" not in entry
        and not OTHER_KINDS.isdisjoint(entry)
    )


def _check_kinds(path: Any, annotations: list[Any]) -> None:
    if annotations and all(map(_is_foreign, annotations)):
        raise InputError(
            f"{path}: its annotations have {describe_names(annotations[0])} "
            "and no 'caption'; give the captions_*.json of the same images"
        )


def _caption(entry: Mapping[str, Any], where: str) -> str:
    """The caption of an annotation, "" where it is null."""
    if "caption" not in entry:
        require(entry, "caption", str, where)
    return optional(entry, "caption", str, where) or ""


class EntriesFormat:
    """JSON of entries with names as in a table, whatever holds them.

    A list of objects; an object of such lists, by split or under any one
    key; names to text, to texts or to objects; columns as lists.
    """

    description = "JSON of entries with image and caption"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether entries with pictures and texts are found."""
        return _entries(file.json) is not None

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of entries it has."""
        left_out = LeftOut()
        _check_lengths(file)
        rows = _checked(file, _entries(file.json) or iter(()))
        pictures = pictures_of_rows(file.path, rows, left_out)
        return Parsed(pictures, left_out=left_out)


def _checked(file: CaptionFile, rows: Iterator[tuple[str, Any]]) -> Any:
    for place, row in rows:
        if not isinstance(row, dict):
            raise InputError(
                f"{file.path}: {place} is no object; give each a picture and "
                "its captions, or take it out"
            )
        yield place, row


def _check_lengths(file: CaptionFile) -> None:
    """Refuses columns in JSON of which one is shorter than that of images."""
    values = file.json
    if not isinstance(values, dict) or not Columns.of(values).usable:
        return
    columns = Columns.of(values)
    image = (columns.image + columns.image_id)[0]
    count = _rows_in(values[image])
    used = columns.captions + columns.split + columns.image_id + columns.row_id
    for name in used if count is not None else ():
        other = _rows_in(values[name])
        if other not in (None, count):
            raise InputError(
                f"{file.path}: {name!r} has {other} entries and {image!r} has "
                f"{count}; give each picture one, or take {name!r} out"
            )


def _rows_in(column: Any) -> int | None:
    """How many rows a column has; None of what is no column."""
    if isinstance(column, dict) and column.keys() == {"path", "bytes"}:
        return None
    return len(column) if isinstance(column, (list, dict)) else None


def _entries(values: Any) -> Iterator[Row] | None:
    """The rows in parsed JSON, or None where there are none."""
    if _is_list_of_rows(values):
        return ((f"entry {i}", row) for i, row in enumerate(values))
    if not isinstance(values, dict) or not values:
        return None
    if Columns.of(values).usable:
        return _columns(values)
    names = [key.strip().lower() for key in values]
    lists = {
        key: rows for key, rows in values.items() if _is_list_of_rows(rows)
    }
    if lists and all(name in SPLIT_NAMES for name in names):
        return (
            (f"{key}[{i}]", {"split": key, **_object(row)})
            for key, rows in lists.items()
            for i, row in enumerate(rows)
        )
    if len(lists) == 1:
        ((key, rows),) = lists.items()
        return ((f"{key}[{i}]", row) for i, row in enumerate(rows))
    return _by_name(values)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _object(row: Any) -> Any:
    return row if isinstance(row, dict) else {"entry": row}


def _is_list_of_rows(values: Any) -> bool:
    return (
        isinstance(values, list)
        and bool(values)
        and isinstance(values[0], dict)
        and Columns.of(values[0]).usable
    )


def _columns(values: Mapping[str, Any]) -> Iterator[Row] | None:
    """The rows of {name of column: list, or dict by row}."""
    columns = Columns.of(values)
    image = values[(columns.image + columns.image_id)[0]]
    if _rows_in(image) is None:
        return iter([("entry 0", values)])
    places = list(range(len(image)) if isinstance(image, list) else image)
    kept = {
        name: column
        for name, column in values.items()
        if isinstance(column, type(image)) and len(column) == len(image)
    }
    if not Columns.of(kept).usable:
        return None
    for_all = {
        name: values[name]
        for name in columns.split
        if isinstance(values[name], str)
    }
    return (
        (
            f"row {place}",
            for_all
            | {
                name: column.get(place)
                if isinstance(column, dict)
                else column[place]
                for name, column in kept.items()
            },
        )
        for place in places
    )


def _by_name(values: Mapping[str, Any]) -> Iterator[Row] | None:
    """The rows of {name of picture: text, texts, or object with texts}."""
    if not all(_is_text(value) for value in values.values()):
        return None
    if not any(map(_is_picture, values)) and all(
        isinstance(value, str) for value in values.values()
    ):
        return None  # such as {"error": "not found"}
    if all(map(_names_pictures, values.values())):
        return None  # such as {"images": ["a.jpg"]}
    return (
        (
            ascii(name),
            {"image": name, **value}
            if isinstance(value, dict)
            else {"image": name, "captions": value},
        )
        for name, value in values.items()
    )


def _names_pictures(value: Any) -> bool:
    """Whether a value is a list of names of pictures, which are no texts."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(one, str) and PICTURE.fullmatch(one) for one in value
        )
    )


def _is_picture(name: str) -> bool:
    """Whether a name can be that of a picture, or its number."""
    return bool(PICTURE.fullmatch(name) or re.search(r"\d\d", name))


def _is_text(value: Any) -> bool:
    """Whether a value is a text, an object with one, or a list of these."""
    if isinstance(value, dict):
        return bool(Columns.of(value).captions) or "tokens" in value
    if isinstance(value, list):
        return all(
            _is_text(item) and not isinstance(item, list) for item in value
        )
    return value is None or isinstance(value, str)

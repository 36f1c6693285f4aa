"""Files of generated captions, whatever their format; and whose they are."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imcap.data.captions.assembly import posix_path
from imcap.data.captions.delimited import Table
from imcap.data.captions.fields import (
    CAPTION_NAMES,
    IMAGE_NAMES,
    PREDICTION_NAMES,
    check_number,
    check_text,
    describe_names,
    squeeze,
    stated_columns,
    stated_name,
)
from imcap.data.captions.formats import CaptionFile
from imcap.data.captions.reading import format_of
from imcap.data.captions.sources import parse_sources
from imcap.data.ids import ImageId, coco_number, plain_id, show_ids
from imcap.errors import InputError
from imcap.files import StrPath, lines_of, parse_json

# What images and captions are called in results, the surest names first.
IDS = (
    "imageid", "cocoid", "cocoimageid", "imgid", "id", *IMAGE_NAMES, "key",
    "questionid",
)  # fmt: skip
CAPTIONS = (*PREDICTION_NAMES, "output", "answer", *CAPTION_NAMES)
# What holds the results in files that say more.
WRAPPERS = ("results", "predictions", "annotations", "imgToEval", "captions")
# A row of a table without header, whose images are numbers.
NUMBER_AND_TEXT = re.compile(r'\s*"?\d+"?\s*([,;])\s*\S.*')
# Flickr's names of captions: photo.jpg#0.
NUMBERED_CAPTION = re.compile(r"(\.\w{3,4})#\d+$")


def read_results(
    path: StrPath, notes: list[str] | None = None
) -> dict[ImageId, str]:
    """Generated captions by image, as the file has them.

    Formats:
        COCO's results: a list of {image_id, caption}.
        Lists with other names: `prediction`, `image_name` and the like.
        {"results": […]}, also "predictions", "annotations", "imgToEval".
        A dict from image to caption, or to a list of one; columns as lists.
        JSON lines of such entries.
        A table with a header; or without, image first and caption second;
        also Oscar's .tsv, whose captions are JSON.
        Any other caption file that `read_captions` reads, with one caption
        an image: workbooks, Parquet, folders of photo.txt.
        What `imcap caption` writes with --json and --csv, the first caption
        of each picture.

    Args:
        path: the file; behind it may stand names of its columns, as in
            "results.csv::id=key,caption=said".
        notes: gets lines about how it was read, where that is a guess.

    Returns:
        Dict from id or file name to caption, in the file's order.

    Raises:
        InputError: it is missing, cut short or of no such form; an image
            has two different captions.

    Example:
        >>> read_results("results.json")
        {391895: 'a man riding a bike'}
    """
    (source,) = parse_sources([path])
    file = CaptionFile(source.path)
    with stated_columns(source.names):
        found = _results_of_file(file)
    if notes is not None:
        notes += file.notes
    return found


def _results_of_file(file: CaptionFile) -> dict[ImageId, str]:
    path = file.path
    if file.is_text and file.first_line[:1] in ("{", "["):
        return results_of(_parse_json(file), path)
    table = (file.table or _number_table(file)) if file.is_text else None
    if table is not None:
        file.notes += [table.note] * bool(table.note)
        return _collect(_table_rows(path, table), path)
    return _collect(
        (
            (f"image {picture.image_id}", picture.image_id, picture.captions)
            for picture in format_of(file).parse(file).pictures
        ),
        path,
    )


def results_of(value: Any, where: StrPath) -> dict[ImageId, str]:
    """Generated captions of parsed JSON, or of Python's lists and dicts.

    Args:
        value: any of the forms of `read_results`.
        where: what holds it, for messages.
    """
    if isinstance(value, Mapping):
        image, caption = _find_names(value)
        if image is not None and caption is not None:
            return _collect(_columns(value, image, caption, where), where)
        for name in WRAPPERS:
            if isinstance(value.get(name), (list, Mapping)):
                return results_of(value[name], where)
        return _collect(((str(k), k, v) for k, v in value.items()), where)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _collect(_list_rows(value, where), where)
    raise InputError(
        f"{where}: no results; give a list of {{image_id, caption}}, or a "
        "dict from image to caption"
    )


Row = tuple[str, Any, Any]  # where it stands, image, caption


def _parse_json(file: CaptionFile) -> Any:
    """The JSON of a file, or the list of its lines'."""
    lines = [line for line in lines_of(file.text) if line.strip()]
    try:
        if len(lines) > 1:
            return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        pass  # of several lines, but no JSON lines
    return parse_json(file.path, file.text, "restore the file")


def entries_of(
    entries: Sequence[Any], where: StrPath
) -> Iterator[tuple[ImageId, Any]]:
    """Image and text or texts of each entry of a list.

    Args:
        entries: dicts with names as results have them.
        where: what holds them, for messages.
    """
    for place, image, caption in _list_rows(entries, where):
        yield _image_key(image, f"{where}: {place}"), caption


def _list_rows(entries: Sequence[Any], where: StrPath) -> Iterator[Row]:
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise InputError(
                f"{where}: entry {index} is {type(entry).__name__}; it should "
                "be an object with image_id and caption"
            )
        yield _named(f"entry {index}", entry, where)


def _named(place: str, entry: Mapping[str, Any], where: StrPath) -> Row:
    """Image and caption of an entry, by the names that it uses."""
    image, caption = _find_names(entry)
    if image is None or caption is None:
        absent = "image_id" if image is None else "caption"
        raise InputError(
            f"{where}: {place} has no {absent}, but {describe_names(entry)}; "
            "name what is the image image_id, and its caption caption"
        )
    return place, entry[image], entry[caption]


def _find_names(entry: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What image and caption are called in an entry; None of what is not."""
    known = {squeeze(name): name for name in reversed(list(entry))}
    found = []
    for roles, names in ((("id", "image"), IDS), (("caption",), CAPTIONS)):
        stated = [name for role in roles if (name := stated_name(role))]
        named = stated or [known[name] for name in names if name in known]
        found.append(next((name for name in named if name in entry), None))
    return found[0], found[1]


def _columns(
    values: Mapping[str, Any], image: str, caption: str, where: StrPath
) -> Iterator[Row]:
    """Rows of one object: columns as lists or by row, or a single row."""
    images, captions = values[image], values[caption]
    if isinstance(images, Mapping) and isinstance(captions, Mapping):
        for place, name in images.items():  # as DataFrame.to_json
            yield f"row {place}", name, captions.get(place)
    elif isinstance(images, list) and isinstance(captions, list):
        if len(images) != len(captions):
            raise InputError(
                f"{where}: {image!r} has {len(images)} entries and {caption!r} "
                f"{len(captions)}; give a caption to each"
            )
        for place, pair in enumerate(zip(images, captions, strict=True)):
            yield f"row {place}", *pair
    else:
        yield "entry 0", images, captions


def _table_rows(path: Path, table: Table) -> Iterator[Row]:
    for number, cells in table.rows(path):
        entry = dict(zip(table.header, cells, strict=True))
        yield _named(f"line {number}", entry, path)


def _number_table(file: CaptionFile) -> Table | None:
    """The table of rows such as `391895,a man on a bike`."""
    lines = [
        (number, line)
        for number, line in enumerate(lines_of(file.text), 1)
        if line.strip()
    ]
    matches = [NUMBER_AND_TEXT.fullmatch(line) for _, line in lines]
    marks = {match[1] for match in matches if match}
    if not all(matches) or len(marks) != 1:
        return None
    return Table(marks.pop(), ["image", "caption"], lines)


def _collect(rows: Iterable[Row], where: StrPath) -> dict[ImageId, str]:
    """Rows to a dict; two captions of one image are refused."""
    found: dict[ImageId, str] = {}
    for place, image, caption in rows:
        at = f"{where}: {place}"
        key = _image_key(image, at)
        text = _caption_text(caption, at)
        if found.setdefault(key, text) != text:
            raise InputError(
                f"{at}: a second caption of image {key}; results hold one an "
                "image"
            )
    if not found:
        raise InputError(f"{where}: holds no captions; check the file")
    return found


def _image_key(image: Any, at: str) -> ImageId:
    if isinstance(image, Mapping):
        image = image.get("path") or image.get("file_name")
    if isinstance(image, float) and image.is_integer():
        image = int(image)
    # NumPy's integers are no int, and do what one does.
    if hasattr(image, "__index__") and not isinstance(image, bool):
        return check_number(int(image), "image", at)
    if isinstance(image, str) and image.strip():
        name = check_text(image, "image", at).strip()
        return NUMBERED_CAPTION.sub(r"\1", name)
    raise InputError(f"{at}: {image!a} names no image; give an id or a name")


def _caption_text(caption: Any, at: str) -> str:
    """The caption in text, in a list of one, or in an entry of its own.

    None is an empty caption: it counts, and scores nothing.
    """
    if caption is None or (isinstance(caption, float) and math.isnan(caption)):
        return ""
    if isinstance(caption, Mapping):
        _, name = _find_names(caption)
        if name is None:
            raise InputError(
                f"{at}: an object without caption, but "
                f"{describe_names(caption)}"
            )
        return _caption_text(caption[name], at)
    if isinstance(caption, (list, tuple)):
        # Entries of their own are ordered, as `imcap caption` writes them.
        if len(caption) == 1 or (caption and isinstance(caption[0], Mapping)):
            return _caption_text(caption[0], at)
        raise InputError(
            f"{at}: {len(caption)} captions of one image; give one"
        )
    text = check_text(caption, "caption", at).strip()
    if text.startswith("[{") and text.endswith("}]"):  # as Oscar's .tsv
        return _caption_text(parse_json(at, text, "mend it"), at)
    return text


def match_images(
    found: Iterable[ImageId],
    image_ids: Sequence[ImageId],
    files: Sequence[str],
    where: tuple[StrPath, StrPath],
    notes: list[str] | None = None,
) -> dict[ImageId, ImageId]:
    """Which image of the references each key of the results names.

    All are matched in one way, the first of these that matches most: ids as
    text, ids as numbers ("000042", 42.0 and 42 are one), paths, file names,
    file names without ending, the number in one of COCO's file names. What
    would name two images names none. Names of files count only where they
    contradict no match of ids.

    Args:
        found: keys of the results.
        image_ids: N ids of the references.
        files: N names of their files.
        where: what results and references are called in messages.
        notes: gets a line where names of files decide, and where they would
            but ids say otherwise.

    Returns:
        Dict from key to id of the references.

    Raises:
        InputError: nothing matches; the message shows samples of both.
    """
    keys = list(found)
    best: dict[ImageId, ImageId] = {}
    by_id: dict[ImageId, ImageId] = {}
    taken, refused = "", 0
    for called, matched in _matches(keys, image_ids, files):
        if len(matched) <= len(best):
            continue
        others = _contradictions(by_id, matched) if called else 0
        if others:
            refused = max(refused, others)
            continue
        best, taken = matched, called
        by_id = by_id if called else matched
    if notes is not None and best:
        if taken:
            notes.append(f"captions meet images by {taken}, not by their ids")
        if refused:
            notes.append(
                f"{refused} captions would belong to other images by the "
                "names of files; the ids count"
            )
    if not best:
        raise InputError(
            f"{where[0]}: no image of {where[1]}; results name "
            f"{show_ids(keys)}, references {show_ids(image_ids)} (files "
            f"{show_ids(files)}); give those that belong together"
        )
    return best


def _matches(
    keys: Sequence[ImageId], image_ids: Sequence[ImageId], files: Sequence[str]
) -> Iterator[tuple[str, dict[ImageId, ImageId]]]:
    """What files decide by, "" where ids do, and images by key; each way."""
    for ours, theirs, of_files, called in WAYS:
        names = files if of_files else image_ids
        wanted = _by_form(theirs, names, image_ids)
        yield (
            called,
            {
                key: wanted[form]
                for form, key in _by_form(ours, keys, keys).items()
                if form in wanted
            },
        )


def _contradictions(
    by_id: Mapping[ImageId, ImageId], by_file: Mapping[ImageId, ImageId]
) -> int:
    """Number of keys that files give an image, and ids another, or to it."""
    owners = {image: key for key, image in by_id.items()}
    return sum(
        by_id.get(key, image) != image or owners.get(image, key) != key
        for key, image in by_file.items()
    )


def _by_form(
    form_of: Callable[[str], str | None],
    names: Sequence[ImageId],
    values: Sequence[ImageId],
) -> dict[str, ImageId]:
    """Values by the form of their name, where it is that of one alone."""
    found: dict[str, ImageId] = {}
    twice = set()
    for name, value in zip(names, values, strict=True):
        form = form_of(unicodedata.normalize("NFC", str(name)))
        if form is None:
            continue
        if found.setdefault(form, value) != value:
            twice.add(form)
    return {form: value for form, value in found.items() if form not in twice}


def _number(text: str) -> str | None:
    plain = plain_id(text)
    return plain if plain.isdecimal() and plain.isascii() else None


def _path(text: str) -> str:
    return str(posix_path(text))


def _name(text: str) -> str:
    return posix_path(text).name


def _stem(text: str) -> str:
    return posix_path(text).stem


def _coco_number(text: str) -> str | None:
    number = coco_number(text)
    return None if number is None else str(number)


# Forms of the results' keys and of the references' ids; or of their files,
# and what these are called.
WAYS: tuple[
    tuple[Callable[[str], str | None], Callable[[str], str | None], bool, str],
    ...,
] = (
    (str, str, False, ""),
    (_number, _number, False, ""),
    (_path, _path, True, "paths of files"),
    (_name, _name, True, "names of files"),
    (_stem, _stem, True, "names of files without ending"),
    (_coco_number, _number, False, "numbers in COCO's names of files"),
    (_number, _coco_number, True, "numbers in COCO's names of files"),
)

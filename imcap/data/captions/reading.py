"""Reading captions: `read_captions`, and the table of formats behind it.

Formats:
    Karpathy's `dataset_*.json`: `images[]` with `filename`, `filepath`,
        `cocoid` or `imgid`, `split`, `sentences[]` of `tokens` and
        `raw`. Its words are kept as they are.
    COCO's `captions_*.json`: `images[]` and `annotations[]`.
    Entries in JSON or JSON lines: objects of a picture and its text or
        texts, as `coco_raw.json`, BLIP and LAVIS have them; objects of
        name to text or texts.
    Flickr8k's `*.token.txt`: `name.jpg#0`, tab, caption; the lists
        `*trainImages.txt`, `*devImages.txt`, `*testImages.txt` beside
        it are used when present.
    A table with a header or without, as text or `.xlsx`, with image,
        caption or captions and, if wanted, split and id; any number of
        rows per image.
    Folders: `photo.txt` beside `photo.jpg`; Hugging Face's image folder
        with `metadata.csv`, `.jsonl` or `.parquet`; a dataset of
        `datasets.save_to_disk`.
    Parquet, tar files of webdataset, TFRecord: one, or a folder of them.
    `cocotalk.json` with its `*_label.h5`.
"""

from collections.abc import Sequence
from pathlib import Path

from imcap.data.captions.arrow import ParquetFormat, SavedDatasetFormat
from imcap.data.captions.assembly import LeftOut, Picture, assemble
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.cocotalk import CocotalkFormat
from imcap.data.captions.delimited import header_cells
from imcap.data.captions.excel import ExcelFormat
from imcap.data.captions.fields import (
    WHAT_WOULD_DO,
    describe_names,
    stated_columns,
)
from imcap.data.captions.folders import MetadataFolder, TextBesidePicture
from imcap.data.captions.formats import CaptionFile, CaptionFormat, Parsed
from imcap.data.captions.identity import place_beside, tell_apart
from imcap.data.captions.json_formats import (
    CocoFormat,
    EntriesFormat,
    KarpathyFormat,
)
from imcap.data.captions.sources import Source, Sources, parse_sources
from imcap.data.captions.tables import (
    FlickrFormat,
    JsonLinesFormat,
    TableFormat,
)
from imcap.data.captions.tfrecord import TFRecordFormat
from imcap.data.captions.unlabelled import UnlabelledFormat
from imcap.data.captions.webdataset import WebDatasetFormat
from imcap.errors import InputError
from imcap.files import StrPath

# The first that recognises a file reads it; a new format is a line here.
# Those that look at the first bytes or at a folder come before those of text.
FORMATS: tuple[CaptionFormat, ...] = (
    SavedDatasetFormat(),
    MetadataFolder(
        (JsonLinesFormat(), EntriesFormat(), ParquetFormat(), TableFormat())
    ),
    ParquetFormat(),
    WebDatasetFormat(),
    TFRecordFormat(),
    TextBesidePicture(),
    ExcelFormat(),
    JsonLinesFormat(),
    FlickrFormat(),
    TableFormat(),
    CocotalkFormat(),
    CocoFormat(),
    KarpathyFormat(),
    EntriesFormat(),
)

UNLABELLED = UnlabelledFormat()


def read_captions(
    path: Sources,
    h5_path: StrPath | None = None,
    *,
    split_files: Sequence[StrPath] = (),
    split: str | None = None,
    num_val: int | None = None,
    num_test: int | None = None,
    strict: bool = False,
    unlabelled: bool = False,
) -> CaptionSet:
    """Reads captions, whatever their format (see the module) and names.

    Args:
        path: the file or folder; or several, as a dict of split to path, a
            list of paths or of "SPLIT=PATH". Behind a path may stand names
            of its columns, as "::caption=txt_en,image=pic".
        h5_path: the label file of a `cocotalk.json`; None: beside it.
        split_files: paths of lists, see `read_split_lists`. They win over
            splits in the file itself.
        split: a split for every image, as "val" for captions_val2014.json.
        num_val, num_test: images of val and of test, drawn where a file has
            no splits; see `hash_splits`.
        strict: whether anything left out is an error.
        unlabelled: whether pictures without captions are kept.

    Returns:
        A `CaptionSet`; its `notes` count what was left out, its `vocabulary`
        is that of a `cocotalk.json`, elsewhere None.

    Raises:
        InputError: a file is missing, cut short, of no known format or
            contradicts itself; a field holds something else than is due.

    Example:
        >>> coco = read_captions({"train": "train.json", "val": "val.json"})
    """
    sources = parse_sources(path)
    labels = None if h5_path is None else Path(h5_path)
    files = [CaptionFile(one.path, labels) for one in sources]
    asked = any(one is not None for one in (split, num_val, num_test))
    joined = _join(files, sources, not (asked or split_files), unlabelled)
    captions = assemble(
        Path(" and ".join(str(file.path) for file in files)),
        joined.pictures,
        joined.vocabulary,
        split_files=split_files,
        split=split,
        num_val=num_val,
        num_test=num_test,
        left_out=joined.left_out,
        strict=strict,
        unlabelled=unlabelled,
    )
    notes = [f"{file.path}: {note}" for file in files for note in file.notes]
    return captions.with_notes(notes)


def _parse(
    file: CaptionFile, names: dict[str, str], unlabelled: bool
) -> Parsed:
    """A file, read with the names that were stated for its columns."""
    with stated_columns(names) as stated:
        parsed = format_of(file, unlabelled).parse(file)
    for role, name in names.items():
        if name not in stated.found:
            raise InputError(
                f"{file.path}: no column {name!r}, which was named for "
                f"{role}; mend what stands behind ::"
            )
    return parsed


def _join(
    files: Sequence[CaptionFile],
    sources: Sequence[Source],
    with_lists: bool,
    unlabelled: bool,
) -> Parsed:
    """All files as one, those with a split put into it.

    Args:
        files: the files.
        sources: what was said of each.
        with_lists: whether lists that lie beside a file split it.
        unlabelled: see `read_captions`.
    """
    left_out = LeftOut()
    pictures: list[Picture] = []
    parsed = [
        _parse(file, source.names, unlabelled)
        for file, source in zip(files, sources, strict=True)
    ]
    for one, (split, path, _) in zip(parsed, sources, strict=True):
        left_out.extend(one.left_out)
        pictures += one.pictures
        if len(sources) > 1:
            place_beside(path, one.pictures)
        for picture in one.pictures:
            picture.split = picture.split if split is None else split
            if split is None and with_lists and one.split_files:
                picture.lists = (tuple(one.split_files),)
    tell_apart([source.path for source in sources], pictures)
    vocabulary = parsed[0].vocabulary if len(parsed) == 1 else None
    return Parsed(pictures, vocabulary, left_out=left_out)


def format_of(file: CaptionFile, unlabelled: bool = False) -> CaptionFormat:
    """The format that recognises a file; InputError where none does.

    Args:
        file: the `CaptionFile`.
        unlabelled: whether it may list pictures without captions.
    """
    if not file.is_folder and not file.head:
        raise InputError(f"{file.path}: the file is empty; restore it")
    if unlabelled and UNLABELLED.recognises(file):
        return UNLABELLED
    for one in FORMATS:
        if one.recognises(file):
            return one
    if file.json is not None and UNLABELLED.recognises(file):
        raise InputError(
            f"{file.path}: it lists pictures ({_describe(file)}) and no "
            "captions; give the file with captions of the same images, as "
            "captions_*.json"
        )
    *others, last = [one.description for one in FORMATS]
    known = f"due is {WHAT_WOULD_DO}; known are {', '.join(others)} and {last}"
    if file.json is None:
        raise InputError(
            f"{file.path}: no known caption format; its first line has "
            f"{_describe(file)}; {known}"
        )
    raise InputError(
        f"{file.path}: JSON, but no known captions; it has "
        f"{_describe(file)}; {known}"
    )


def _describe(file: CaptionFile) -> str:
    """The cells of the first line, the keys of JSON or of its first entry."""
    values = file.json
    if values is None:
        return describe_names(header_cells(file.text))
    if isinstance(values, dict) and _first_object(values.get("images")):
        return f"images with the keys {describe_names(values['images'][0])}"
    if isinstance(values, dict):
        return f"the keys {describe_names(values)}"
    if _first_object(values):
        return f"entries with the keys {describe_names(values[0])}"
    return f"a {type(values).__name__} without objects"


def _first_object(values: object) -> bool:
    return (
        isinstance(values, list)
        and bool(values)
        and isinstance(values[0], dict)
    )

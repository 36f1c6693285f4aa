"""Reading captions: `read_captions`, and the table of formats behind it."""

from collections.abc import Sequence
from pathlib import Path

from imcap.data.captions.assembly import assemble
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.cocotalk import CocotalkFormat
from imcap.data.captions.formats import CaptionFile, CaptionFormat
from imcap.data.captions.json_formats import (
    CocoFormat,
    CocoRawFormat,
    KarpathyFormat,
)
from imcap.data.captions.tables import (
    CsvFormat,
    FlickrFormat,
    JsonLinesFormat,
)
from imcap.errors import InputError
from imcap.files import StrPath

# The first that recognises a file reads it; a new format is a line here.
FORMATS: tuple[CaptionFormat, ...] = (
    JsonLinesFormat(),
    FlickrFormat(),
    CsvFormat(),
    CocotalkFormat(),
    CocoFormat(),
    CocoRawFormat(),
    KarpathyFormat(),
)


def read_captions(
    path: StrPath,
    h5_path: StrPath | None = None,
    *,
    split_files: Sequence[StrPath] = (),
    split: str | None = None,
    num_val: int | None = None,
    num_test: int | None = None,
) -> CaptionSet:
    """Reads captions, whatever their format; the content decides.

    Formats:
        Karpathy's `dataset_*.json`: `images[]` with `filename`, `filepath`,
            `cocoid` or `imgid`, `split`, `sentences[]` of `tokens` and
            `raw`. Its words are kept as they are.
        COCO's `captions_*.json`: `images[]` and `annotations[]`.
        `coco_raw.json`: a list of {file_path, id, captions[, split]}.
        Flickr8k's `*.token.txt`: `name.jpg#0`, tab, caption; the lists
            `*trainImages.txt`, `*devImages.txt`, `*testImages.txt` beside
            it are used when present.
        A table with a header, or JSON lines, with image, caption and, if
            wanted, split and id; any number of rows per image.
        `cocotalk.json` with its `*_label.h5`.

    Args:
        path: the file.
        h5_path: the label file of a `cocotalk.json`; None: looked for
            beside it.
        split_files: list of paths of text files with one image per line
            (file name, stem or id); the split is taken from the name of
            each. They win over splits in the file itself.
        split: a split for every image, as "val" for captions_val2014.json.
        num_val, num_test: images of val and of test, drawn where a file has
            no splits; see `hash_splits`.

    Returns:
        A `CaptionSet`; its `notes` count what was left out: empty captions,
        training images without captions, images in no split list. Its
        `vocabulary` is that of a `cocotalk.json`, elsewhere None.

    Raises:
        InputError: the file is missing, cut short, of no known format or
            contradicts itself; a caption is for an unknown image; an image
            of val or test has no caption; an id appears twice.

    Example:
        >>> captions = read_captions("my_captions.csv", num_val=100)
    """
    file = CaptionFile(Path(path), None if h5_path is None else Path(h5_path))
    parsed = _format_of(file).parse(file)
    asked = split_files or split or num_val or num_test
    return assemble(
        file.path,
        parsed.pictures,
        parsed.vocabulary,
        split_files=split_files if asked else parsed.split_files,
        split=split,
        num_val=num_val,
        num_test=num_test,
    )


def _format_of(file: CaptionFile) -> CaptionFormat:
    """The format that recognises a file; InputError where none does."""
    for one in FORMATS:
        if one.recognises(file):
            return one
    *others, last = [one.description for one in FORMATS]
    known = f"known are {', '.join(others)} and {last}"
    if file.json is None:
        raise InputError(f"{file.path}: no known caption format; {known}")
    raise InputError(f"{file.path}: JSON, but no known captions; {known}")

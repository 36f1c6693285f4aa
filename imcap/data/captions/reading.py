"""One door to every caption file: `read_captions`."""

from pathlib import Path

from imcap.data.captions.assembly import assemble, hashed_splits
from imcap.data.captions.caption_set import (
    SPLITS,
    TRAINING_SPLITS,
    CaptionSet,
    EncodedCaptions,
)
from imcap.data.captions.json_formats import json_reader
from imcap.data.captions.tables import read_flickr, text_reader
from imcap.errors import InputError
from imcap.files import read_json

__all__ = [
    "SPLITS",
    "TRAINING_SPLITS",
    "CaptionSet",
    "EncodedCaptions",
    "hashed_splits",
    "read_captions",
]


HEAD = 100_000  # characters that are enough to tell the format


KNOWN = (
    "known are Karpathy's dataset_*.json, COCO's captions_*.json, "
    "coco_raw.json, cocotalk.json, Flickr8k.token.txt, and CSV or JSON lines "
    "with the columns image and caption"
)


def read_captions(path, h5_path=None, **options):
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
        num_val: int, number of val images, drawn where a file has no
            splits; see `hashed_splits`.
        num_test: int, likewise.

    Returns:
        A `CaptionSet`; its `notes` count what was left out: empty captions,
        training images without captions, images in no split list.

    Raises:
        InputError: the file is missing, cut short, of no known format or
            contradicts itself; a caption is for an unknown image; an image
            of val or test has no caption; an id appears twice.

    Example:
        >>> captions = read_captions("my_captions.csv", num_val=100)
    """
    path = Path(path)
    first = _text(path, HEAD).lstrip().split("\n", 1)[0]
    reader = text_reader(first)
    if reader is read_flickr and not any(options.values()):
        options["split_files"] = _flickr_lists(path)
    if reader is not None:
        return assemble(path, reader(path, _text(path)), **options)
    if first[:1] not in ("{", "["):
        raise InputError(f"{path}: no known caption format; {KNOWN}")
    values = read_json(path, "restore the file")
    reader = json_reader(values)
    if reader == "talk":
        # Imported here: talk.py is built on this module's parts.
        from imcap.data.captions.cocotalk import read_talk

        return read_talk(path, h5_path, **options)[0]
    if reader is None:
        raise InputError(f"{path}: JSON, but no known captions; {KNOWN}")
    return assemble(path, reader(path, values), **options)


def _flickr_lists(path):
    """The split lists of Flickr8k that lie beside its token file."""
    return [
        file
        for name in ("train", "dev", "test")
        for file in sorted(path.parent.glob(f"*{name}Images.txt"))
    ]


def _text(path, count=-1):
    """The file's first `count` characters; -1: all of them."""
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

"""`cocotalk.json` and its label file, the lineage's common ground.

The JSON holds `ix_to_word` ({"1": word, ...}) and `images`, a list of
{split, file_path, id[, width, height]}. The HDF5 file holds, as uint32,
`labels` (M, max_length) padded with 0, `label_start_ix` and `label_end_ix`
(N,) counting from 1 and inclusive, `label_length` (M,), and, in the variant
with pictures, `images` (N, 3, 256, 256) as uint8 RGB.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from imcap.data.captions.assembly import Picture
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.formats import (
    CaptionFile,
    Parsed,
    read_size,
    require,
)
from imcap.data.captions.splits import parse_split
from imcap.data.pictures.limits import STORED_SIZE
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write, escape
from imcap.progress import progress

COLUMNS = ("labels", "label_start_ix", "label_end_ix", "label_length")
REMEDY = "make both files anew with one run of imcap prepare"


def label_columns(
    captions: CaptionSet, vocabulary: Vocabulary, max_length: int
) -> dict[str, np.ndarray]:
    """The label matrix of all captions, and the arrays that index it.

    Args:
        captions: a `CaptionSet` of N images and M captions.
        vocabulary: a `Vocabulary`. For the `sat_keras` dialect each row
            holds <start> and <eos> too; of a long caption the words are cut
            so that <eos> stays (the original cut <eos> off).
        max_length: int, columns of `labels`.

    Returns:
        Dict of uint32 arrays, by the names in the module's docstring.
    """
    wrapped = vocabulary.dialect == "sat_keras"
    room = max_length - 2 if wrapped else max_length
    if room < 1:
        raise InputError(
            f"max_length {max_length} leaves no room for words; raise it"
        )
    encoded = captions.encode(vocabulary, room)
    rows = encoded.flat()
    if wrapped:
        ends = ([vocabulary.bos_id], [vocabulary.eos_id])
        rows = [np.concatenate([ends[0], ids, ends[1]]) for ids in rows]
    labels = np.zeros((len(rows), max_length), "uint32")
    for row, ids in zip(labels, rows, strict=True):
        row[: len(ids)] = ids
    starts = encoded.starts()
    return {
        "labels": labels,
        "label_start_ix": (starts[:-1] + 1).astype("uint32"),
        "label_end_ix": starts[1:].astype("uint32"),
        "label_length": np.array([len(ids) for ids in rows], "uint32"),
    }


def write_cocotalk(
    captions: CaptionSet,
    vocabulary: Vocabulary,
    json_path: StrPath,
    h5_path: StrPath,
    max_length: int = 16,
    pixels: Callable[[int | str, str], np.ndarray] | None = None,
) -> tuple[CaptionSet, list[dict[str, Any]]]:
    """Writes `cocotalk.json` and its label file, each atomically.

    Args:
        captions: a `CaptionSet`; each image must have a caption.
        vocabulary: a `Vocabulary` whose pad id is 0.
        json_path: path of `cocotalk.json`.
        h5_path: path of the label file.
        max_length: int, columns of `labels`.
        pixels: None, or a function of (image id, file) that returns uint8
            (256, 256, 3) RGB or raises InputError; it adds `images`, one
            picture at a time, so that memory does not grow.

    Returns:
        The `CaptionSet` written, and the list of {"id", "file", "reason"}
        of pictures that could not be decoded and were left out.

    Raises:
        InputError: no picture can be decoded, or `max_length` is too small.
    """
    bad: list[dict[str, Any]] = []
    with atomic_write(h5_path) as partial, atomic_write(json_path) as text:
        with _new_h5(partial) as file:
            if pixels is not None:
                captions, bad = _store_images(file, captions, pixels)
            columns = label_columns(captions, vocabulary, max_length)
            for name, values in columns.items():
                file.create_dataset(name, data=values)
        value = _json_part(captions, vocabulary)
        text.write_text(escape(json.dumps(value, ensure_ascii=False)), "utf-8")
    return captions, bad


@contextlib.contextmanager
def _new_h5(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "w") as file:
            yield file
    except RuntimeError as error:
        # h5py's word for a full disk that it meets on closing the file.
        if "errno" not in str(error):
            raise
        raise OSError(f"{path}: cannot be written ({error})") from None


def _json_part(captions: CaptionSet, vocabulary: Vocabulary) -> dict[str, Any]:
    images: list[dict[str, Any]] = [
        {"split": split, "file_path": file, "id": key}
        for split, file, key in zip(
            captions.splits, captions.files, captions.image_ids, strict=True
        )
    ]
    for image, size in zip(images, captions.sizes or (), strict=False):
        image["width"], image["height"] = size
    words = vocabulary.to_talk()
    value: dict[str, Any] = {"ix_to_word": words, "images": images}
    if vocabulary.dialect not in ("talk", "sat_keras"):
        # The words alone do not tell these two apart from talk.
        value["dialect"] = vocabulary.dialect
    return value


def _store_images(
    file: h5py.File,
    captions: CaptionSet,
    pixels: Callable[[int | str, str], np.ndarray],
) -> tuple[CaptionSet, list[dict[str, Any]]]:
    """Streams pictures into `images`; returns what was kept, and the bad."""
    shape = (len(captions), 3, STORED_SIZE, STORED_SIZE)
    images = file.create_dataset(
        "images", shape, "uint8", maxshape=shape, chunks=(1, *shape[1:])
    )
    kept: list[int | str] = []
    bad: list[dict[str, Any]] = []
    pairs = list(zip(captions.image_ids, captions.files, strict=True))
    for key, name in progress(pairs, what="storing", unit="pictures"):
        try:
            picture = pixels(key, name)
        except InputError as error:
            bad.append({"id": key, "file": name, "reason": str(error)})
            continue
        images[len(kept)] = np.transpose(picture, (2, 0, 1))
        kept.append(key)
    if not kept:
        raise InputError(f"no picture can be read; the first: {bad[0]}")
    images.resize(len(kept), axis=0)
    return captions.filter(kept), bad


class CocotalkFormat:
    """`cocotalk.json` with its label file, as `write_cocotalk` writes them.

    The words are those of the label rows: rare ones read UNK, long captions
    end at the row's end. The raw text is not in these files.
    """

    description = "cocotalk.json"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is an object with `ix_to_word`."""
        return isinstance(file.json, dict) and "ix_to_word" in file.json

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an entry of `images`, and the vocabulary."""
        path, values = file.path, file.json
        ix_to_word = require(values, "ix_to_word", dict, path)
        try:
            vocabulary = Vocabulary.from_talk(ix_to_word, values.get("dialect"))
        except InputError as error:
            raise InputError(f"{path}: {error}; {REMEDY}") from None
        h5_path = file.h5_path or _label_file(path)
        columns = _read_columns(h5_path)
        images = require(values, "images", list, path)
        _check_columns(h5_path, columns, len(images), vocabulary.size)
        words = [vocabulary.decode(row) for row in columns["labels"]]
        pictures = []
        for index, image in enumerate(images):
            where = f"{path}: images[{index}]"
            start = int(columns["label_start_ix"][index]) - 1
            end = int(columns["label_end_ix"][index])
            split = require(image, "split", str, where)
            pictures.append(
                Picture(
                    require(image, "id", (int, str), where),
                    require(image, "file_path", str, where),
                    None,
                    words[start:end],
                    parse_split(split, where),
                    read_size(image, where),
                )
            )
        return Parsed(pictures, vocabulary)


def _label_file(json_path: Path) -> Path:
    for name in (f"{json_path.stem}_label.h5", f"{json_path.stem}.h5"):
        if json_path.with_name(name).exists():
            return json_path.with_name(name)
    label_files = list(json_path.parent.glob("*_label.h5"))
    if len(label_files) == 1:
        return label_files[0]
    raise InputError(
        f"{json_path}: which *_label.h5 belongs to it? Expected "
        f"{json_path.stem}_label.h5 in the same folder"
    )


def _read_columns(h5_path: Path) -> dict[str, np.ndarray]:
    if not h5_path.exists():
        raise InputError(f"{h5_path}: no such file; {REMEDY}")
    try:
        with h5py.File(h5_path) as file:
            absent = [name for name in COLUMNS if name not in file]
            if absent:
                raise InputError(
                    f"{h5_path}: {absent[0]!r} is missing; {REMEDY}"
                )
            for name in COLUMNS:
                kind = getattr(file[name], "dtype", np.dtype("V"))
                if kind.kind not in "iu":
                    raise InputError(
                        f"{h5_path}: {name!r} holds no whole numbers; {REMEDY}"
                    )
            return {name: file[name][()] for name in COLUMNS}
    except OSError as error:
        raise InputError(
            f"{h5_path}: not a whole HDF5 file ({error}); {REMEDY}"
        ) from None


def _check_columns(
    h5_path: Path,
    columns: Mapping[str, np.ndarray],
    image_count: int,
    size: int,
) -> None:
    """Whether the label file fits itself, the images and the words."""
    labels, starts, ends, lengths = (columns[name] for name in COLUMNS)
    if len(starts) != image_count or len(ends) != image_count:
        raise InputError(
            f"{h5_path}: captions of {len(starts)} images, but the JSON "
            f"lists {image_count}; {REMEDY}"
        )
    if labels.ndim != 2 or len(lengths) != len(labels):
        raise InputError(
            f"{h5_path}: {len(lengths)} lengths for labels of shape "
            f"{labels.shape}; {REMEDY}"
        )
    wrong = np.flatnonzero((labels >= size).any(1))
    if wrong.size:
        raise InputError(
            f"{h5_path}: row {wrong[0]} of labels has an id beyond the "
            f"{size} words of the JSON; {REMEDY}"
        )
    wrong = np.flatnonzero((labels > 0).sum(1) != lengths)
    if wrong.size:
        raise InputError(
            f"{h5_path}: row {wrong[0]} of labels is not as long as "
            f"label_length says; {REMEDY}"
        )
    starts, ends = starts.astype("int64"), ends.astype("int64")
    before = np.concatenate([[0], ends[:-1]])
    wrong = np.flatnonzero((starts < 1) | (ends > len(labels)))
    wrong = wrong if wrong.size else np.flatnonzero(starts != before + 1)
    if wrong.size:
        raise InputError(
            f"{h5_path}: image {wrong[0]} has the caption rows "
            f"{starts[wrong[0]]} to {ends[wrong[0]]}, which do not follow "
            f"those of the image before; {REMEDY}"
        )

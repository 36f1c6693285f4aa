"""Captions in TFRecord files of tf.train.Example or SequenceExample."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imcap.data.archives.archive import numbered
from imcap.data.archives.places import RECORDS, find_archives
from imcap.data.archives.tfrecord import picture_of
from imcap.data.captions.assembly import LeftOut, Picture
from imcap.data.captions.fields import (
    WHAT_WOULD_DO,
    Columns,
    describe_names,
    stated_image,
)
from imcap.data.captions.folders import pictures_of_shards
from imcap.data.captions.formats import CaptionFile, Parsed
from imcap.data.captions.rows import PlacedRow, pictures_of_rows
from imcap.errors import InputError
from imcap.files import escape

LONGEST_TEXT = 1 << 16  # bytes; what is longer is a picture


class TFRecordFormat:
    """A TFRecord file, or a folder of shards.

    Features are known by the names that columns have elsewhere, with or
    without a group: `caption`, `image/filename`, `image/image_id`,
    `captions/text`. TFDS's coco_captions has them, and im2txt, whose
    captions are words in a SequenceExample.
    """

    description = ".tfrecord"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is called so, or holds such files."""
        if file.is_folder:
            return bool(find_archives(file.path, RECORDS))
        return RECORDS.fullmatch(file.path.name) is not None

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of records it has."""
        left_out = LeftOut()

        def read(path: Path) -> list[Picture]:
            return pictures_of_rows(path, _rows(path), left_out)

        if not file.is_folder:
            return Parsed(read(file.path), left_out=left_out)
        shards = find_archives(file.path, RECORDS)
        pictures = pictures_of_shards(file.path, shards, read)
        return Parsed(pictures, left_out=left_out)


def _rows(path: Path) -> Iterator[PlacedRow]:
    """A row a record, of the features that are no bytes of pictures."""
    import tensorflow as tf

    kind = "GZIP" if path.suffix.lower() == ".gz" else None
    records = tf.data.TFRecordDataset(os.fsencode(path), compression_type=kind)
    number = -1
    try:
        for number, record in enumerate(records.as_numpy_iterator()):
            # An Example is a SequenceExample without lists.
            example = tf.train.SequenceExample.FromString(record)
            row = _values(example)
            columns = Columns.of(row)
            if not number and not columns.captions:
                names = [*example.context.feature]
                raise InputError(
                    f"{path}: record 0 has the features "
                    f"{describe_names(names)}; due is {WHAT_WOULD_DO}"
                )
            if not columns.image and not columns.image_id:
                row["image"] = escape(f"{path.name}/{number}")
            place = None
            column = _stated_feature(example)
            if picture_of(example, column) is not None:
                cells = (row[name] for name in columns.image)
                named = next((c for c in cells if isinstance(c, str)), None)
                place = numbered(path, number, named, column)
            yield f"record {number}", row, place
    except (tf.errors.OpError, _decode_error()) as error:
        line = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: record {number + 1} cannot be read ({line}); fetch or "
            "write the file again"
        ) from None


def _stated_feature(example: Any) -> str | None:
    """The feature of bytes that was named for pictures; None without."""
    stated = stated_image()
    if stated not in Columns.of(example.context.feature).image:
        return None
    # It may as well be the name of a file, which is text.
    return None if _plain(example.context.feature[stated]) else stated


def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError

    return DecodeError


def _values(example: Any) -> dict[str, Any]:
    """The features of a record that are numbers or text, by name."""
    row: dict[str, Any] = {}
    for name, feature in example.context.feature.items():
        values = _plain(feature)
        if values:
            row[name] = values[0] if len(values) == 1 else values
    for name, steps in example.feature_lists.feature_list.items():
        words = [word for step in steps.feature for word in _plain(step)]
        if words and all(isinstance(word, str) for word in words):
            kept = [w for w in words if w not in ("<S>", "</S>")]
            row[name] = " ".join(kept)
    return row


def _plain(feature: Any) -> list[Any]:
    """The values of a feature; none where they are bytes of a picture."""
    kind = feature.WhichOneof("kind")
    if kind is None:
        return []
    values = list(getattr(feature, kind).value)
    if kind != "bytes_list":
        return values
    if any(len(value) > LONGEST_TEXT for value in values):
        return []
    try:
        return [value.decode("utf-8") for value in values]
    except UnicodeDecodeError:
        return []

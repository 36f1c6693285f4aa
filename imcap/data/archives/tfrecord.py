"""TFRecord files, read by the place of their records."""

import functools
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

from imcap.data.archives.archive import Bytes, row_of
from imcap.errors import InputError
from imcap.startup import quiet_start

# A record is its length (uint64), a checksum, the data, a checksum.
HEADER, CHECKSUM = struct.Struct("<QI"), 4
# How files of pictures begin: JPEG, PNG, GIF, BMP, TIFF, WebP, JPEG 2000.
STARTS = (
    b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF",
    b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51",
)  # fmt: skip
WORDS = ("image", "img", "jpg", "jpeg", "png", "picture", "photo", "encoded")


class TFRecordArchive:
    """A TFRecord file of tf.train.Example or SequenceExample.

    Pictures are named by their records, from 0.

    Args:
        path: the file; gzip may have packed it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = Bytes(path)

    @functools.cached_property
    def _index(self) -> list[tuple[int, int]]:
        """(offset, size) of the data of each record."""
        try:
            with self._bytes.open() as file:
                return self._read_index(file)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{self.path}: cannot be read ({error}); fetch it again"
            ) from None

    def _read_index(self, file: IO[bytes]) -> list[tuple[int, int]]:
        index: list[tuple[int, int]] = []
        end = file.seek(0, 2)
        offset = 0
        while offset < end:
            file.seek(offset)
            header = file.read(HEADER.size)
            size = HEADER.unpack(header)[0] if len(header) == HEADER.size else 0
            offset += HEADER.size
            if len(header) < HEADER.size or offset + size + CHECKSUM > end:
                raise InputError(
                    f"{self.path}: no TFRecord file, or one that is cut short "
                    f"in record {len(index)}; fetch it again"
                )
            index.append((offset, size))
            offset += size + CHECKSUM
        return index

    def members(self, endings: Collection[str]) -> list[str]:
        """The records' numbers."""
        return [str(number) for number in range(len(self._index))]

    def read(self, member: str) -> bytes:
        """The bytes of the picture in a record."""
        number, name = row_of(self.path, member)
        if number >= len(self._index):
            raise InputError(
                f"{self.path / member}: there are {len(self._index)} records"
            )
        data = self._bytes.read(*self._index[number])
        example = _parse(self.path / member, data)
        picture = picture_of(example, name)
        if picture is None:
            raise InputError(f"{self.path / member}: no picture in the record")
        return picture


def _parse(place: Path, data: bytes) -> Any:
    with quiet_start():
        import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        # An Example is a SequenceExample without lists.
        return tf.train.SequenceExample.FromString(data)
    except DecodeError as error:
        raise InputError(
            f"{place}: no tf.train.Example ({error}); write the file again"
        ) from None


def picture_of(example: Any, name: str | None = None) -> bytes | None:
    """The bytes of the picture in a SequenceExample; None without.

    The feature is known by how its bytes begin; of several, and of none
    that begins like a picture, one is taken that is called so.

    Args:
        example: `tf.train.SequenceExample`.
        name: of the feature, where it is known.
    """
    if name is not None:
        values = example.context.feature[name].bytes_list.value
        return values[0] if values else None
    found: dict[tuple[bool, bool], bytes] = {}
    for name, feature in sorted(example.context.feature.items()):
        values = feature.bytes_list.value
        if not values or _is_text(values[0]):
            continue
        is_picture = values[0].startswith(STARTS)
        is_called_so = any(word in name.lower() for word in WORDS)
        if is_picture or is_called_so:
            found.setdefault((is_picture, is_called_so), values[0])
    return found[max(found)] if found else None


def _is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode("utf-8")
    except UnicodeDecodeError:
        return False

"""Captions in tar files of webdataset: 0001.jpg, 0001.txt, 0001.json."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from imcap.data.archives.places import TAR, find_archives
from imcap.data.archives.tar import member_name
from imcap.data.captions.assembly import LeftOut, Picture
from imcap.data.captions.fields import Columns
from imcap.data.captions.folders import pictures_of_shards
from imcap.data.captions.formats import CaptionFile, Parsed, TextDecoder
from imcap.data.captions.rows import PlacedRow, pictures_of_rows
from imcap.data.names import NameIndex, plain_name
from imcap.data.pictures.clutter import clutter_kind
from imcap.data.pictures.listing import ENDINGS
from imcap.errors import InputError
from imcap.files import decode_text, escape, parse_json

TEXTS = ("txt", "text", "caption")
Members = dict[str, str]  # of a sample, by their endings


class WebDatasetFormat:
    """A tar file of samples, or a folder of such shards.

    A sample is what has the same name up to its first dot, or else to its
    last, wherever it lies in the file: a picture, and its caption as `.txt`
    or in `.json`; `.cls` is a label and not read.
    """

    description = "webdataset's .tar"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is a tar file, by its content, or holds some."""
        if file.is_folder:
            return bool(find_archives(file.path, TAR))
        return file.head[257:262] == b"ustar" or (
            file.head.startswith(b"\x1f\x8b")
            and TAR.fullmatch(file.path.name) is not None
        )

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture a sample; its file is SHARD.tar/NAME.jpg."""
        left_out = LeftOut()
        decoder = TextDecoder(left_out)

        def read(path: Path) -> list[Picture]:
            rows = _rows(path, left_out, decoder)
            return _escaped(pictures_of_rows(path, rows, left_out))

        if file.is_folder:
            shards = find_archives(file.path, TAR)
            pictures = pictures_of_shards(file.path, shards, read)
        else:
            pictures = read(file.path)
        file.notes += decoder.notes()
        return Parsed(pictures, left_out=left_out)


def _escaped(pictures: list[Picture]) -> list[Picture]:
    """Ids of names that are no UTF-8: their backslashes are no folders."""
    for picture in pictures:
        stem = picture.place.stem if picture.place else ""
        if picture.is_named and escape(stem) != stem:
            picture.image_id = escape(stem)
    return pictures


def _rows(
    path: Path, left_out: LeftOut, decoder: TextDecoder
) -> Iterator[PlacedRow]:
    """A row a sample: its picture, and what its text and JSON say."""
    for key, names, parts in _samples(path, left_out):
        pictures = [end for end in names if f".{end}" in ENDINGS]
        texts = [end for end in parts if end in (*TEXTS, "json")]
        if not pictures:
            if texts:
                where = escape(f"{path.name}/{key}")
                left_out.add("texts without a picture", where)
            continue
        row = _json_part(path, key, parts)
        for end in TEXTS:
            if end in parts:
                captions = decoder.lines(path / names[end], parts[end])
                if captions is not None:
                    row["caption"] = captions
                break
        row.setdefault("caption", None)
        for end in pictures[1:]:
            where = escape(f"{path.name}/{names[end]}")
            left_out.add("further parts of samples", where)
        name = names[pictures[0]]
        row["image"] = escape(f"{path.name}/{name}")
        yield key, row, path / name


def _json_part(path: Path, key: str, parts: dict[str, bytes]) -> dict[str, Any]:
    """What a sample's JSON says of captions, id, split and size."""
    if "json" not in parts:
        return {}
    name = f"{key}.json"
    text = _text(path, name, parts["json"])
    values = parse_json(f"{path}: {name}", text, "write the shard again")
    if not isinstance(values, dict):
        return {"caption": values if isinstance(values, (str, list)) else None}
    columns = Columns.of(values)
    row = {
        name: values[name] for name in columns.split[:1] + columns.image_id[:1]
    }
    sizes = {n: values[n] for n in ("width", "height") if n in values}
    if columns.captions:
        row["caption"] = values[columns.captions[0]]
    return row | sizes


def _text(path: Path, name: str, data: bytes) -> str:
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: {name} is no UTF-8 ({error}); write the shard again"
        ) from None


def _samples(
    path: Path, left_out: LeftOut
) -> Iterator[tuple[str, Members, dict[str, bytes]]]:
    """Samples: their name, and by ending the members and the texts."""
    texts = _members(path)
    samples, others = dict[str, Members](), dict[str, Members]()
    for member in texts:
        name = PurePosixPath(member)
        stem, _, end = name.name.partition(".")
        last = name.suffix[1:].lower()
        if _is_read(last) and not _is_read(end.lower()):
            others.setdefault(str(name.with_suffix("")), {})[last] = member
        else:
            key = str(name.parent / stem)
            samples.setdefault(key, {})[end.lower()] = member
    _add_others(path, samples, others, left_out)
    _join_alike(samples)
    for key, names in samples.items():
        parts = {
            end: data
            for end, member in names.items()
            if (data := texts[member]) is not None
        }
        yield key, names, parts


def _add_others(
    path: Path,
    samples: dict[str, Members],
    others: dict[str, Members],
    left_out: LeftOut,
) -> None:
    """Adds what only goes together up to the last dot of its name.

    That is `a.v2.jpg` with `a.v2.txt`, and `a.jpg.txt`, which is of `a.jpg`;
    but `a.seg.png` beside `a.jpg` is a part of the sample `a`.
    """
    owners = {
        member: names
        for group in (samples, others)
        for names in group.values()
        for member in names.values()
    }
    index = NameIndex(owners, (plain_name,))
    for key, names in others.items():
        owned = None if _has_picture(names) else index.find(key)
        if owned is not None:
            owner = owners[owned]
            owner.update({e: m for e, m in names.items() if e not in owner})
            continue
        folder = PurePosixPath(key).parent
        stem = PurePosixPath(key).name.partition(".")[0]
        if _has_picture(samples.get(str(folder / stem), {})) and not (
            _has_picture(names) and _has_text(names)
        ):
            for member in names.values():
                where = escape(f"{path.name}/{member}")
                left_out.add("further parts of samples", where)
            continue
        samples[key] = names


def _join_alike(samples: dict[str, Members]) -> None:
    """Joins IMG.jpg and img.txt, whose names differ in case or in NFC."""
    bare = [k for k, s in samples.items() if _has_picture(s)]
    bare = [key for key in bare if not _has_text(samples[key])]
    alone = [key for key, names in samples.items() if not _has_picture(names)]
    found = NameIndex(bare, (plain_name,)).match(alone)
    for key, row in found.items():
        samples[bare[row]] = samples.pop(key) | samples[bare[row]]


def _is_read(end: str) -> bool:
    return f".{end}" in ENDINGS or end in (*TEXTS, "json")


def _has_picture(names: Members) -> bool:
    return any(f".{end}" in ENDINGS for end in names)


def _has_text(names: Members) -> bool:
    return any(end in (*TEXTS, "json") for end in names)


def _members(path: Path) -> dict[str, bytes | None]:
    """The members of a tar file that are shown; bytes of texts alone."""
    members: dict[str, bytes | None] = {}
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = PurePosixPath(member_name(member.name))
                if not member.isfile() or clutter_kind(name):
                    continue
                inner = archive.extractfile(member)
                is_text = name.suffix[1:].lower() in (*TEXTS, "json")
                members[str(name)] = (
                    inner.read() if is_text and inner is not None else None
                )
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"{path}: cannot be read as a tar file ({error}); fetch it again"
        ) from None
    return members

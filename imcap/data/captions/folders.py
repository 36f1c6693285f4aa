"""Folders of pictures with their captions: beside each, or in a list."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from imcap.data.captions.assembly import LeftOut, Picture
from imcap.data.captions.formats import (
    CaptionFile,
    CaptionFormat,
    Parsed,
    TextDecoder,
)
from imcap.data.captions.splits import SPLIT_NAMES
from imcap.data.names import NameIndex, plain_name
from imcap.data.pictures.clutter import clutter_kind
from imcap.data.pictures.finding import find_paths
from imcap.data.pictures.listing import ENDINGS
from imcap.errors import InputError
from imcap.files import escape, read_bytes

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
TEXTS = {".txt", ".caption"}


def split_in_name(path: PurePosixPath) -> str | None:
    """The split that a relative path tells: its name, else its folders'.

    "train-00000-of-00002.parquet" and "train/a.jpg" are of train; None
    where nothing is said.
    """
    for part in reversed(path.parts):
        for word in re.split(r"[^a-z]+", part.lower()):
            if len(word) > 2 and word in SPLIT_NAMES:
                return SPLIT_NAMES[word]
    return None


def add_told_splits(
    pictures: Sequence[Picture], told: Sequence[str | None]
) -> None:
    """Puts in the splits that names tell, where then all pictures have one.

    Args:
        pictures: n pictures; a split that one has already stays.
        told: n splits, None where the names say nothing.
    """
    splits = [
        picture.split or split
        for picture, split in zip(pictures, told, strict=True)
    ]
    if None not in splits:
        for picture, split in zip(pictures, splits, strict=True):
            picture.split = split


def pictures_of_shards(
    folder: Path,
    shards: Iterable[Path],
    read: Callable[[Path], list[Picture]],
) -> list[Picture]:
    """The pictures of a folder of archives, named from the folder on.

    Args:
        folder: that was given.
        shards: the archives in it.
        read: from one of them to its pictures.
    """
    pictures: list[Picture] = []
    told: list[str | None] = []
    for shard in shards:
        name = PurePosixPath(escape(shard.relative_to(folder).as_posix()))
        for picture in read(shard):
            if picture.file.startswith(f"{name.name}/"):
                picture.file = str(name.parent / picture.file)
            pictures.append(picture)
            told.append(split_in_name(name))
    add_told_splits(pictures, told)
    return pictures


class MetadataFolder:
    """Hugging Face's image folder: pictures and `metadata.jsonl` or `.csv`.

    One list for all, or one in the folder of each split.

    Args:
        formats: what a list may be, `CaptionFormat`s.
    """

    description = "folders with metadata.csv, .jsonl or .parquet"

    def __init__(self, formats: Sequence[CaptionFormat]) -> None:
        self.formats = formats

    def recognises(self, file: CaptionFile) -> bool:
        """Whether such a list lies in it or in a folder of it."""
        return file.is_folder and bool(_metadata_files(file.path))

    def parse(self, file: CaptionFile) -> Parsed:
        """The pictures of all lists, files from the given folder on."""
        pictures: list[Picture] = []
        told: list[str | None] = []
        left_out = LeftOut()
        for path in _metadata_files(file.path):
            folder = PurePosixPath(
                escape(path.parent.relative_to(file.path).as_posix())
            )
            one = CaptionFile(path)
            reader = next((f for f in self.formats if f.recognises(one)), None)
            if reader is None:
                raise InputError(
                    f"{path}: no captions; give file_name and text, or "
                    "file_name and caption"
                )
            parsed = reader.parse(one)
            left_out.extend(parsed.left_out)
            file.notes += one.notes
            names = [picture.file for picture in parsed.pictures]
            places = find_paths(path.parent, names)
            for picture, place in zip(parsed.pictures, places, strict=True):
                picture.place = picture.place or place
                picture.file = str(folder / picture.file)
                told.append(split_in_name(folder / "metadata"))
            pictures += parsed.pictures
        add_told_splits(pictures, told)
        return Parsed(pictures, left_out=left_out)


def _metadata_files(folder: Path) -> list[Path]:
    found = [folder / name for name in METADATA if (folder / name).exists()]
    if found:
        return found[:1]
    return sorted(
        path
        for name in METADATA
        for pattern in (f"*/{name}", f"*/*/{name}")
        for path in folder.glob(pattern)
        if not clutter_kind(path.relative_to(folder))
    )


class TextBesidePicture:
    """`photo.txt` beside `photo.jpg`: a caption on each line of the text.

    Folders of the names of splits, at any depth, are these splits.
    """

    description = "folders of photo.txt beside photo.jpg"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether some text has the name of a picture beside it."""
        return file.is_folder and any(
            pictures for _, pictures in _pairs(*_files(file.path))
        )

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture a file; what has no partner is counted."""
        left_out = LeftOut()
        decoder = TextDecoder(left_out)
        paths, texts = _files(file.path)
        pictures: list[Picture] = []
        told = set[Path]()
        for text, paths_of_text in _pairs(paths, texts):
            told.update(paths_of_text)
            if not paths_of_text:
                left_out.add("texts without a picture", escape(str(text)))
                continue
            remedy = "write one caption a line"
            captions = decoder.lines(text, read_bytes(text, remedy))
            if captions is not None:
                pictures += [
                    _picture(file.path, path, captions)
                    for path in paths_of_text
                ]
        for path in paths:
            if path not in told:
                where = escape(str(path))
                left_out.add("pictures without a text", where)
        file.notes += decoder.notes()
        names = [PurePosixPath(picture.file) for picture in pictures]
        splits = [split_in_name(name.parent / "x") for name in names]
        add_told_splits(pictures, splits)
        return Parsed(pictures, left_out=left_out)


def _picture(folder: Path, path: Path, captions: list[str]) -> Picture:
    name = PurePosixPath(escape(path.relative_to(folder).as_posix()))
    return Picture(
        name.stem,
        str(name),
        list(captions) or [""],
        is_named=True,
        place=path,
    )


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures and the texts below a folder, in order."""
    pictures: list[Path] = []
    texts: list[Path] = []
    for path in sorted(folder.rglob("*")):
        ending = path.suffix.lower()
        if ending not in ENDINGS and ending not in TEXTS:
            continue
        if not clutter_kind(path.relative_to(folder)):
            (pictures if ending in ENDINGS else texts).append(path)
    return pictures, texts


def _pairs(
    pictures: list[Path], texts: list[Path]
) -> list[tuple[Path, list[Path]]]:
    """The pictures that each text is of; none where no name is so.

    `a.jpg.txt` is of `a.jpg` alone, `a.txt` of every picture that is called
    `a`; then names in another case count, and those of NFC for NFD.
    """
    files = {str(path): path for path in pictures}
    names = {str(text.with_suffix("")): text for text in reversed(texts)}
    rows = NameIndex(files, (plain_name,)).match(names)
    pairs = {names[name]: [pictures[row]] for name, row in rows.items()}
    told = {path for paths in pairs.values() for path in paths}
    by_stem: dict[str, list[Path]] = {}
    for path in pictures:
        if path not in told:
            by_stem.setdefault(str(path.with_suffix("")), []).append(path)
    left = [name for name, text in names.items() if text not in pairs]
    stems = NameIndex(by_stem, (plain_name,)).match(left)
    groups = list(by_stem.values())
    pairs |= {names[name]: groups[row] for name, row in stems.items()}
    return [(text, pairs.get(text, [])) for text in texts]

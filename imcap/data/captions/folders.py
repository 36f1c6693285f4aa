"""Folders of pictures with their captions: beside each, or in a list."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from imcap.data.captions.assembly import LeftOut, Picture
from imcap.data.captions.formats import CaptionFile, CaptionFormat, Parsed
from imcap.data.captions.splits import SPLIT_NAMES
from imcap.data.pictures.clutter import clutter_kind
from imcap.data.pictures.finding import find_paths
from imcap.data.pictures.listing import ENDINGS
from imcap.errors import InputError
from imcap.files import escape, read_text

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


def without_part_splits(pictures: list[Picture]) -> list[Picture]:
    """Takes splits from names only where all pictures have one."""
    if any(picture.split is None for picture in pictures):
        for picture in pictures:
            picture.split = None
    return pictures


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
    for shard in shards:
        name = PurePosixPath(escape(shard.relative_to(folder).as_posix()))
        for picture in read(shard):
            if picture.file.startswith(f"{name.name}/"):
                picture.file = str(name.parent / picture.file)
            picture.split = picture.split or split_in_name(name)
            pictures.append(picture)
    return without_part_splits(pictures)


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
                picture.split = picture.split or split_in_name(
                    folder / "metadata"
                )
            pictures += parsed.pictures
        return Parsed(without_part_splits(pictures), left_out=left_out)


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
        if not file.is_folder:
            return False
        pictures, texts = _by_stem(file.path)
        return not pictures.keys().isdisjoint(texts)

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture a file; what has no partner is counted."""
        left_out = LeftOut()
        by_stem, texts = _by_stem(file.path)
        pictures = []
        for stem, text in texts.items():
            if stem not in by_stem:
                left_out.add("texts without a picture", escape(str(text)))
                continue
            remedy = "write one caption a line"
            lines = read_text(text, remedy).split("\n")
            captions = [line.strip() for line in lines if line.strip()]
            for path in by_stem[stem]:
                name = PurePosixPath(
                    escape(path.relative_to(file.path).as_posix())
                )
                pictures.append(
                    Picture(
                        name.stem,
                        str(name),
                        list(captions) or [""],
                        split=split_in_name(name.parent / "x"),
                        is_named=True,
                        place=path,
                    )
                )
        for stem, paths in by_stem.items():
            if stem not in texts:
                where = escape(str(paths[0]))
                left_out.add("pictures without a text", where)
        return Parsed(without_part_splits(pictures), left_out=left_out)


def _by_stem(folder: Path) -> tuple[dict[Path, list[Path]], dict[Path, Path]]:
    """Pictures and texts below a folder by path without ending."""
    pictures: dict[Path, list[Path]] = {}
    texts: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*")):
        if clutter_kind(path.relative_to(folder)):
            continue
        if path.suffix.lower() in ENDINGS:
            pictures.setdefault(path.with_suffix(""), []).append(path)
        elif path.suffix.lower() in TEXTS:
            texts.setdefault(path.with_suffix(""), path)
    return pictures, texts

"""Captions as files: JSON, CSV, a text beside each picture, its metadata."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.data.archives.places import read_picture, split_place
from imcap.errors import InputError
from imcap.files import atomic_write, escape, write_rows

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption

COLUMNS = ("image", "caption", "log_probability", "confidence", "sure")
ALT_TEXT = "Xmp.iptc.AltTextAccessibility"
DESCRIPTION = "Xmp.dc.description"


def is_sure(caption: Caption, threshold: float | None) -> bool:
    """Whether a caption is said without reserve."""
    if threshold is None or caption.confidence is None:
        return True
    return caption.confidence >= threshold


def as_entry(
    name: str,
    captions: Sequence[Caption],
    drawing: Path | None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """What JSON says of one picture: image, captions, attention.

    Where the run was calibrated, captions have a confidence, and "sure":
    whether it reaches the threshold.
    """
    entry: dict[str, Any] = {"image": name, "captions": []}
    for caption in captions:
        one: dict[str, Any] = {
            "caption": " ".join(caption.words),
            "log_probability": float(caption.log_probabilities.sum()),
        }
        if caption.confidence is not None:
            one["confidence"] = caption.confidence
            one["sure"] = is_sure(caption, threshold)
        entry["captions"].append(one)
    entry["attention"] = str(drawing) if drawing else None
    return entry


def write_csv(path: str | Path, entries: Iterable[dict[str, Any]]) -> None:
    """Writes a row a caption, with a head; UTF-8.

    Args:
        path: the file.
        entries: as `as_entry` gives.
    """
    rows = (
        [
            entry["image"],
            one["caption"],
            f"{one['log_probability']:.4f}",
            one.get("confidence"),
            one.get("sure"),
        ]
        for entry in entries
        for one in entry["captions"]
    )
    write_rows(path, itertools.chain([COLUMNS], rows))


class Destinations:
    """Where captions of some pictures go, none over another's.

    Args:
        paths: of all pictures.
        folder: for copies that hold their captions; None: in place.
    """

    def __init__(self, paths: Sequence[Path], folder: Path | None):
        self.folder = folder
        self.sidecars = collections.Counter(p.with_suffix("") for p in paths)
        self.root: Path | None = None
        if folder is not None and paths:
            parents = [path.resolve().parent for path in paths]
            try:
                self.root = Path(os.path.commonpath(parents))
            except ValueError:
                raise InputError(
                    "copies of pictures from several drives have no common "
                    "folder; caption one drive at a time"
                ) from None

    def sidecar(self, path: Path) -> Path:
        """photo.txt of photo.jpg; photo.jpg.txt if there is a photo.png."""
        if self.sidecars[path.with_suffix("")] > 1:
            return path.with_name(f"{path.name}.txt")
        return path.with_suffix(".txt")

    def copy(self, path: Path) -> Path:
        """The copy of a picture, below the folder as the picture was."""
        if self.folder is None or self.root is None:
            return path
        return self.folder / path.resolve().relative_to(self.root)


def check_in_folders(paths: Sequence[Path]) -> None:
    """Refuses pictures in archives, where captions are to lie beside them."""
    for path in paths:
        if not path.exists() and (place := split_place(path)) is not None:
            raise InputError(
                f"{place[0]}: nothing can be written beside the pictures in "
                "it; leave out --sidecar and --in_place for --json, or unpack "
                "it"
            )


def write_sidecar(path: Path, caption: str) -> None:
    """Writes a caption to a text file."""
    with atomic_write(path, durable=False) as partial:
        partial.write_text(escape(caption) + "\n", encoding="utf-8")


def check_metadata_writer() -> None:
    """Refuses where nothing is installed that writes metadata."""
    try:
        import pyexiv2  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"--write_metadata needs pyexiv2 ({error}); pip install "
            "'.[metadata]'"
        ) from None


def has_alt_text(path: Path) -> bool:
    """Whether a picture has an alternative text in its XMP."""
    import pyexiv2

    try:
        with pyexiv2.Image(str(path)) as image:
            return bool(image.read_xmp().get(ALT_TEXT))
    except (RuntimeError, UnicodeError):
        return False


def write_metadata(source: Path, target: Path, caption: str) -> None:
    """Writes a caption into a picture's XMP as its alternative text.

    `Iptc4xmpCore:AltTextAccessibility` is set, and the description where
    the picture has none; all else stays: pixels, EXIF, other XMP.

    Args:
        source: the picture.
        target: where it goes; it may be the source.
        caption: the text.

    Raises:
        InputError: a format that holds no XMP, or a damaged file.
    """
    import pyexiv2

    pyexiv2.set_log_level(4)  # what it cannot do is raised
    text = {'lang="x-default"': caption}
    with atomic_write(target) as partial:
        partial.write_bytes(read_picture(source))
        try:
            with pyexiv2.Image(str(partial)) as image:
                exif, values = image.read_exif(), {ALT_TEXT: text}
                if not image.read_xmp().get(DESCRIPTION):
                    values[DESCRIPTION] = text
                image.modify_xmp(values)
            with pyexiv2.Image(str(partial)) as image:
                if image.read_exif() != exif:
                    raise RuntimeError("its EXIF is damaged and would be lost")
        except (RuntimeError, UnicodeError) as error:
            line = " ".join(str(error).replace(str(partial), "").split())
            raise InputError(
                f"{source}: its metadata cannot be written ({line})"
            ) from None

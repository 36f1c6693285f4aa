"""Where the pictures of a caption set lie, and which of them are broken."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.captions.caption_set import CaptionSet
from imcap.data.pictures.encoded import picture_size
from imcap.data.pictures.limits import MAX_PIXELS
from imcap.data.pictures.listing import ImageList
from imcap.errors import InputError
from imcap.progress import Meter, progress

BAD_IMAGES = "bad_images.json"
CHECKED_SIZE, CHECKED_BATCH = 8, 64  # pixels, and pictures at a time


@dataclasses.dataclass(frozen=True)
class PictureFiles:
    """Finds the picture of an image id.

    Args:
        root: folder that the files of a `CaptionSet` are relative to.
        replacements: dict of str(image id) to the path of a picture that
            is used in place of a broken one.
        places: dict of str(image id) to where its picture is, in an archive
            too; others are below `root`.
    """

    root: str = ""
    replacements: dict[str, str] = dataclasses.field(default_factory=dict)
    places: dict[str, Path] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_words(
        cls, root: str, words: Iterable[str], captions: CaptionSet
    ) -> "PictureFiles":
        """Takes replacements as the words "id=path" of a command line.

        Args:
            root: the folder.
            words: the replacements.
            captions: the `CaptionSet` of the pictures.

        Raises:
            InputError: the root is no folder, a word is not "id=path", its
                id is none of the captions' or its picture is unreadable.
        """
        if root and not os.path.isdir(root):
            raise InputError(f"{root}: no such folder; mend --images_root")
        known = set(map(str, captions.image_ids))
        replacements = {}
        for word in words:
            key, equals, path = word.partition("=")
            if not (key and equals and path):
                raise InputError(f"--replace {word}: expected id=path")
            if key not in known:
                raise InputError(f"--replace {word}: no image has the id {key}")
            picture_size(path)
            replacements[key] = path
        paths = captions.picture_paths(root)
        names = map(str, captions.image_ids)
        return cls(root, replacements, dict(zip(names, paths, strict=True)))

    def path(self, image_id: int | str, file: str) -> Path:
        """Path of the picture: its replacement, its place, or root/file."""
        key = str(image_id)
        known = self.replacements.get(key) or self.places.get(key)
        return Path(known or Path(self.root, file))

    def with_sizes(
        self, captions: CaptionSet
    ) -> tuple[CaptionSet, list[dict[str, Any]]]:
        """Reads the size of every picture from its header.

        Args:
            captions: a `CaptionSet`.

        Returns:
            The `CaptionSet` with `sizes`, without the pictures that cannot
            be opened, and a list of {"id", "file", "reason"} of those.

        Raises:
            InputError: none can be opened.
        """
        sizes: dict[int | str, tuple[int, int]] = {}
        bad: list[dict[str, Any]] = []
        pairs = list(zip(captions.image_ids, captions.files, strict=True))
        for key, file in progress(pairs, what="picture sizes", unit="pictures"):
            try:
                sizes[key] = picture_size(self.path(key, file))
            except InputError as error:
                bad.append({"id": key, "file": file, "reason": str(error)})
        if not sizes:
            raise InputError(
                f"{bad[0]['reason']}; nor can any other picture be opened: "
                "mend --images_root"
            )
        kept = captions.filter(sizes)
        kept = dataclasses.replace(kept, sizes=[*sizes.values()])
        return kept, bad

    def pixels(self, size: int) -> Callable[[int | str, str], np.ndarray]:
        """Makes a function of (image id, file) to uint8 (size, size, 3) RGB."""
        from imcap.data.pictures.decoding import load_pixels

        def load(image_id: int | str, file: str) -> np.ndarray:
            picture = load_pixels(self.path(image_id, file), size, size)
            return np.rint(picture).astype("uint8")  # (size, size, 3)

        return load


def unreadable_pictures(
    captions: CaptionSet, files: Mapping[Any, Path]
) -> list[dict[str, Any]]:
    """The pictures of captions that cannot be decoded.

    They are looked for before long work, not found in the midst of it.

    Args:
        captions: a `CaptionSet`.
        files: where the picture of each id is, in an archive too.

    Returns:
        List of {"id", "file", "reason"}, as it is put into bad_images.json.

    Raises:
        InputError: none can be decoded.
    """
    from imcap.data.pictures.batches import decode_batches

    paths = [files[key] for key in captions.image_ids]
    images = ImageList(captions.image_ids, captions.files, paths)
    refused: list[tuple[int, str]] = []
    with Meter(len(images), "looking at pictures", "pictures") as meter:
        for good, _, bad in decode_batches(
            images, range(len(images)), CHECKED_SIZE, CHECKED_BATCH, MAX_PIXELS
        ):
            refused += bad
            meter.update(len(good) + len(bad))
    if len(images) and len(refused) == len(images):
        raise InputError(
            f"none of the {len(images)} pictures can be used; the first, "
            f"{paths[0]}: {refused[0][1]}; mend --images_root"
        )
    return [
        {
            "id": images.image_ids[row],
            "file": images.files[row],
            "reason": reason,
        }
        for row, reason in refused
    ]

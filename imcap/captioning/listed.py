"""Pictures to caption, with the ids under which results name them."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imcap.data.ids import ImageId, server_ids
from imcap.data.pictures.listing import ImageList
from imcap.errors import InputError
from imcap.files import StrPath, write_json


@dataclasses.dataclass(frozen=True)
class ListedPictures:
    """Pictures and their ids.

    Args:
        paths: to caption, in order.
        ids: dict from path, as text, to its ids; several where entries of a
            file share a picture.
        notes: lines to be said about how they were read.

    Example:
        >>> pictures = ListedPictures.from_file("image_info_test2014.json")
    """

    paths: list[Path]
    ids: dict[str, list[ImageId]]
    notes: tuple[str, ...] = ()

    @classmethod
    def from_file(
        cls,
        input_json: str,
        images_root: str | None = None,
        split: str | None = None,
    ) -> "ListedPictures":
        """The pictures of a caption file, or of one without captions.

        Args:
            input_json: one file, or several as settings have them.
            images_root: folder of the pictures; None for that of the file.
            split: whose pictures; None for all.

        Raises:
            InputError: no such file or split, or none of its pictures.
        """
        # Here, as they need more than LiteRT does.
        from imcap.data.captions.pictures import picture_paths
        from imcap.data.captions.reading import read_captions
        from imcap.data.captions.splits import NO_SPLITS

        captions = read_captions(input_json, unlabelled=True)
        if split is not None:
            if captions.drawn:
                raise InputError(
                    f"{input_json}: it has no splits; leave out --split"
                )
            captions = captions.split(split)
        if not len(captions):
            raise InputError(f"{input_json}: no image is in split {split!r}")
        paths = picture_paths(
            captions.files, input_json, images_root, places=captions.places
        )
        notes = [n for n in captions.notes if not n.startswith(NO_SPLITS)]
        ids: dict[str, list[ImageId]] = {}
        for path, key in zip(
            paths, server_ids(captions.image_ids), strict=True
        ):
            ids.setdefault(str(path), []).append(key)
        return cls(list(dict.fromkeys(paths)), ids, tuple(notes))

    @classmethod
    def from_paths(
        cls, paths: Sequence[Path], names: Mapping[Path, str] | None = None
    ) -> "ListedPictures":
        """Pictures by path; their ids are file names without ending.

        Args:
            paths: of the files.
            names: what entries call those that are copies; None for none.
        """
        unique = list(dict.fromkeys(paths))
        named = [(names or {}).get(path, str(path)) for path in unique]
        listed = [Path(name) for name in dict.fromkeys(named)]
        ids = server_ids(ImageList.from_paths(listed).image_ids)
        found = dict(zip(dict.fromkeys(named), ids, strict=True))
        for name in set((names or {}).values()) & set(found):
            if "/" in str(found[name]):  # names of copies are no paths
                found[name] = name
        return cls(list(paths), {name: [key] for name, key in found.items()})

    def write_results(
        self, path: StrPath, entries: Iterable[Mapping[str, Any]]
    ) -> int:
        """Writes [{image_id, caption}], as evaluation servers want it.

        Args:
            path: the file.
            entries: as `imcap.captioning.results.as_entry` gives.

        Returns:
            How many ids have no caption.
        """
        texts = {one["image"]: one["captions"][0]["caption"] for one in entries}
        rows = [
            {"image_id": key, "caption": texts[name]}
            for name, keys in self.ids.items()
            if name in texts
            for key in keys
        ]
        write_json(path, rows)
        return sum(map(len, self.ids.values())) - len(rows)

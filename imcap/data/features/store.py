"""Features of pictures by id, whatever the files they lie in."""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from imcap.data.features.archive_source import open_archive
from imcap.data.features.hdf5_sources import open_hdf5
from imcap.data.features.lmdb_source import LMDBSource, is_lmdb
from imcap.data.features.sources import FolderSource, Source, open_stacked
from imcap.data.ids import IdIndex
from imcap.errors import InputError
from imcap.files import StrPath


def _open_source(path: StrPath) -> Source:
    path = Path(path)
    if is_lmdb(path):
        return LMDBSource(path)
    if os.path.isdir(path):
        return FolderSource(path)
    if not os.path.exists(path):
        partial = path.with_name(path.name + ".partial")
        remedy = (
            "its extraction was interrupted, run that command again"
            if os.path.exists(partial)
            else "check the path, or make it with imcap extract"
        )
        raise InputError(f"{path}: no such feature file; {remedy}")
    if path.suffix.lower() == ".npy":
        return open_stacked(path)
    if path.suffix.lower() == ".npz":
        return open_archive(path)
    if path.suffix.lower() in (".h5", ".hdf5") or h5py.is_hdf5(path):
        return open_hdf5(path)
    raise InputError(
        f"{path}: not a feature file; expected HDF5, .npy, .npz, an LMDB, or "
        "a folder of .npz or .npy"
    )


class FeatureStore:
    """Reads features by image id, in constant memory, from many threads.

    Ids match by their text: 7 finds "7", and "007" or "7.jpg" where that is
    clear (see `imcap.data.ids.IdIndex`).

    Attributes:
        path: where from.
        ids: list of the ids that have features, in file order.
        channels: D.
        locations: the largest K.
        fixed_locations: True where every picture has that K.
        metadata: dict, how the features were made; {} where unknown.
        notes: lines to be said about what was found.

    Example:
        >>> store = FeatureStore.open("flickr8k.h5")
        >>> features, mask = store.read([17, 4])   # (2, 49, 1280), (2, 49)
    """

    def __init__(self, source: Source, path: StrPath) -> None:
        self.path = Path(path)
        self.ids = source.ids
        self.channels = int(source.channels)
        self.locations = int(source.locations)
        self.fixed_locations = source.fixed_locations
        self.metadata = source.metadata
        self.notes = source.notes
        self._source = source
        self._rows = IdIndex(self.ids)
        self._by_file: dict[str, int] = {}
        if len(self._rows) != len(self.ids):
            raise InputError(
                f"{path}: an id occurs twice; give each picture its own"
            )

    @classmethod
    def open(cls, path: StrPath) -> "FeatureStore":
        """Opens HDF5, an LMDB, a .npy or .npz of all, or a folder of them.

        Raises:
            InputError: missing, cut short, or of another shape or type.
        """
        return cls(_open_source(path), path)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, image_id: int | str) -> bool:
        return self._find(image_id) is not None

    def known(self, image_ids: Sequence[int | str]) -> set[int | str]:
        """Those of some ids that have features of their own."""
        found = self._rows.known(image_ids)
        return found | {
            name for name in image_ids if str(name) in self._by_file
        }

    def match_files(
        self, image_ids: Sequence[int | str], files: Sequence[str]
    ) -> None:
        """Finds features that are named after the files of pictures.

        Files count where no picture has features by its id: all pictures of
        a caption file have to be given. `notes` say what was done.

        Args:
            image_ids: n ids.
            files: n names of the pictures' files.
        """
        rows = self._rows.match_files(map(str, files))
        by_file = {
            str(image_id): rows[str(file)]
            for image_id, file in zip(image_ids, files, strict=True)
            if str(file) in rows
        }
        by_id = self._rows.match(image_ids)
        if by_file and not by_id:
            self._by_file = by_file
            self.notes += (
                f"{self.path}: no picture has features by its id, "
                f"{len(by_file)} of {len(files)} by the name of its file",
            )
        elif not self.metadata:
            others = sum(
                by_file.get(name, row) != row for name, row in by_id.items()
            )
            if others:
                self.notes += (
                    f"{self.path}: {others} pictures would have features of "
                    "other ids by the names of their files; ids count",
                )

    def id_of(self, image_id: int | str) -> int | str:
        """The id that features have whose picture may have another."""
        return self.ids[self.row_of(image_id)]

    def _find(self, image_id: int | str) -> int | None:
        row = self._by_file.get(str(image_id))
        return self._rows.get(image_id) if row is None else row

    def row_of(self, image_id: int | str) -> int:
        """The position of an id in `ids`; InputError when absent."""
        row = self._find(image_id)
        if row is None:
            raise InputError(
                f"{self.path}: no features of image {image_id!r}; extract "
                "them, or leave the image out"
            )
        return row

    def grid_of(self, image_id: int | str) -> tuple[int, int] | None:
        """(h, w) of the map whose cells are the locations of a picture.

        None where they are regions, or it is not known what they are.
        """
        return self._source.grid(self.row_of(image_id))

    def read(
        self, image_ids: Sequence[int | str], locations: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads the features of some pictures.

        Args:
            image_ids: n ids.
            locations: K to pad to; None for the largest of these pictures.

        Returns:
            features: (n, K, D) float16 or float32, zero where padded.
            mask: (n, K) bool, True where there is a location.

        Raises:
            InputError: an unknown id, a damaged file, a value that is not
                finite, or more locations than asked for.
        """
        rows = [self._row(image_id) for image_id in image_ids]
        longest = max((len(row) for row in rows), default=0)
        locations = longest if locations is None else locations
        if longest > locations:
            raise InputError(
                f"{self.path}: a picture has {longest} locations, more than "
                f"the {locations} asked for; raise that number"
            )
        half = bool(rows) and all(row.dtype == np.float16 for row in rows)
        features = np.zeros(
            (len(rows), locations, self.channels),
            "float16" if half else "float32",
        )
        mask = np.zeros((len(rows), locations), bool)
        for number, row in enumerate(rows):
            features[number, : len(row)] = row
            mask[number, : len(row)] = True
        return features, mask

    def read_pooled(self, image_ids: Sequence[int | str]) -> np.ndarray:
        """Reads the mean-pooled features of some pictures: (n, D) float32."""
        pooled = np.zeros((len(image_ids), self.channels), "float32")
        for number, image_id in enumerate(image_ids):
            pooled[number] = self._source.pooled(self.row_of(image_id))
        return pooled

    def _row(self, image_id: int | str) -> np.ndarray:
        return self._source.row(self.row_of(image_id))

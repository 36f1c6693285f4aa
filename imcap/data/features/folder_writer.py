"""Features as one file a picture: NAME_fc/ID.npy and NAME_att/ID.npz."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.features.ids import file_stem
from imcap.data.features.writer import same_network
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write, read_json, write_json


class FeatureFolderWriter:
    """Resumable writer of the folders that older captioning code reads.

    Has the methods of `FeatureWriter`. Every file is whole or absent, so
    a picture is done when both of its files exist. Ids that are no names of
    files are escaped by `file_stem`.

    Args:
        name: start of both folders' paths.
        identifiers: n ids.
        grid: (h, w) of the map.
        metadata: dict of JSON values, kept as NAME_features.json; folders
            begun with other metadata are not continued.

    Raises:
        InputError: folders of another network.
    """

    def __init__(
        self,
        name: StrPath,
        identifiers: Sequence[int | str],
        grid: Sequence[int],
        metadata: dict[str, Any],
    ) -> None:
        name = Path(name)
        self.identifiers = list(identifiers)
        self.grid = tuple(grid)
        self.pooled_folder = name.with_name(name.name + "_fc")
        self.folder = name.with_name(name.name + "_att")
        self._bad: set[int] = set()
        note = name.with_name(name.name + "_features.json")
        if note.exists() and not same_network(read_json(note), metadata):
            raise InputError(
                f"{note}: these folders hold features of another network; "
                "remove them, or give another --output_dir"
            )
        for folder in (self.pooled_folder, self.folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(note, metadata)

    def __enter__(self) -> "FeatureFolderWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def pending(self) -> np.ndarray:
        """The rows still to do: (m,) int64."""
        rows = [
            row for row in range(len(self.identifiers))
            if row not in self._bad
            and not all(path.exists() for path in self._paths(row))
        ]  # fmt: skip
        return np.asarray(rows, dtype="int64")

    def write(
        self, rows: Collection[int], features: np.ndarray, pooled: np.ndarray
    ) -> None:
        """Stores features (m, K, D) and pooled (m, D) as float32."""
        for row, feature, mean in zip(rows, features, pooled, strict=True):
            pooled_path, path = self._paths(row)
            grid = feature.reshape(*self.grid, -1).astype("float32")
            with atomic_write(path, ".npz", durable=False) as partial:
                np.savez_compressed(partial, feat=grid)
            with atomic_write(pooled_path, ".npy", durable=False) as partial:
                np.save(partial, mean.astype("float32"))

    def mark_bad(self, rows: Collection[int]) -> None:
        """Leaves these pictures without files."""
        self._bad.update(int(row) for row in rows)

    def finish(self) -> None:
        """Every row must be settled."""
        if len(self.pending()):
            raise ValueError(f"{len(self.pending())} pictures missing")

    def discard(self) -> None:
        """Removes the folders when they are empty."""
        for folder in (self.pooled_folder, self.folder):
            if not any(folder.iterdir()):
                folder.rmdir()

    def close(self) -> None:
        """Nothing stays open."""

    def _paths(self, row: int) -> tuple[Path, Path]:
        name = file_stem(self.identifiers[row])
        return (
            self.pooled_folder / f"{name}.npy",
            self.folder / f"{name}.npz",
        )

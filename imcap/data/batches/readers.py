"""Readers of model inputs: features of a store, or pixels of pictures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.batches.epochs import ReadInputs
from imcap.data.features.boxes import grid_positions
from imcap.data.features.positions import PositionReader
from imcap.data.features.store import FeatureStore
from imcap.data.features.writer import same_network
from imcap.data.pictures.crops import crop_id
from imcap.data.pictures.decoding import load_pixels
from imcap.errors import InputError
from imcap.files import StrPath

TURNED = "perhaps they are (D, k), transposed; save (k, D), or "


class StoredFeatures:
    """Reader of features by image id, as a model's inputs.

    Args:
        store: a `FeatureStore`.
        channels: int, D that the model expects; None takes any.
        cache: bool, keep everything in memory after the first time.

    Call arguments:
        image_ids: list of B ids.

    Returns:
        Dict of features (B, K, D), after `locate` positions (B, K, P)
        float32, and, where K varies, mask (B, K) bool. Padded locations
        have zeros.

    Raises:
        InputError: features of another width; a picture without features
            or positions, or with another number of each.

    Example:
        >>> read = StoredFeatures(store)
        >>> read.locate("boxes")
        >>> read([17, 4])["positions"].shape
        (2, 49, 4)
    """

    def __init__(
        self,
        store: FeatureStore,
        channels: int | None = None,
        cache: bool = False,
    ) -> None:
        if channels is not None and store.channels != channels:
            turned = channels == store.locations
            raise InputError(
                f"{store.path}: features are {store.channels} wide, the "
                f"model was trained on {channels}; "
                + TURNED
                * turned
                + "extract them with the network named in the run's "
                "features.json"
            )
        self.store = store
        self.cached: dict[int | str, np.ndarray] | None = {} if cache else None
        self.cached_positions: dict[int | str, np.ndarray] = {}
        self.positions: PositionReader | None = None

    def locate(
        self,
        kind: str | None,
        num_grids: int = 144,
        folder: StrPath | None = None,
        grid: tuple[int, int] | None = None,
    ) -> None:
        """Adds positions of the locations to what is read from now on.

        Args:
            kind: "boxes" for relative boxes (P = 4), "grid" for grid
                vectors (P = G), None for nothing.
            num_grids: int, G of the grid vectors.
            folder: folder to read positions from; None for the cells of
                features that are a grid, and the boxes beside regions (see
                `imcap.data.features.positions.PositionReader`).
            grid: not needed; the store knows its own.
        """
        self.cached_positions = {}
        self.positions = None
        if kind is not None:
            self.positions = PositionReader(self.store, kind, num_grids, folder)

    def __contains__(self, image_id: Any) -> bool:
        return image_id in self.store

    def __call__(self, image_ids: Sequence[int | str]) -> dict[str, np.ndarray]:
        if self.cached is None:
            features, mask = self.store.read(image_ids)
        else:
            features, mask = self._from_cache(image_ids, self.cached)
        inputs = {"features": features}
        if self.positions is not None:
            inputs["positions"] = self._padded_positions(
                self.positions, image_ids, mask
            )
        if not self.store.fixed_locations:
            inputs["mask"] = mask
        return inputs

    def _padded_positions(
        self,
        reader: PositionReader,
        image_ids: Sequence[int | str],
        mask: np.ndarray,
    ) -> np.ndarray:
        """Positions of some images, zero where the mask is False."""
        positions = np.zeros((*mask.shape, reader.width), "float32")
        counts = mask.sum(axis=1)
        for number, image_id in enumerate(image_ids):
            count = int(counts[number])
            rows = self._positions_of(reader, image_id, count)
            positions[number, :count] = rows
        return positions

    def _positions_of(
        self, reader: PositionReader, image_id: int | str, count: int
    ) -> np.ndarray:
        if self.cached is None:
            return reader.read(image_id, count)
        if image_id not in self.cached_positions:
            rows = reader.read(image_id, count)
            self.cached_positions[image_id] = rows
        return self.cached_positions[image_id]

    def _from_cache(
        self,
        image_ids: Sequence[int | str],
        cached: dict[int | str, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = []
        for image_id in image_ids:
            if image_id not in cached:
                cached[image_id] = self.store.read([image_id])[0][0]
            rows.append(cached[image_id])
        longest = max(len(row) for row in rows)
        features = np.zeros(
            (len(rows), longest, self.store.channels), rows[0].dtype
        )
        mask = np.zeros((len(rows), longest), bool)
        for number, row in enumerate(rows):
            features[number, : len(row)] = row
            mask[number, : len(row)] = True
        return features, mask


class AugmentedFeatures:
    """Data augmentation: features of pictures or of one of their crops.

    Args:
        read: a `StoredFeatures` of the pictures.
        store: a `FeatureStore` of crops of them, made by `imcap extract
            --augment`: grids of the same size, by the same network.

    Call arguments:
        image_ids: list of B ids.
        rng: `numpy.random.Generator`; a picture and each of its crops are
            equally likely.

    Returns:
        What `read` gives.

    Raises:
        InputError: features that are no crops of these pictures.

    Example:
        >>> read = AugmentedFeatures(StoredFeatures(store), crops)
        >>> read([17, 4], np.random.default_rng(0))
    """

    def __init__(self, read: StoredFeatures, store: FeatureStore) -> None:
        made = store.metadata.get("augment")
        if made is None or not same_network(
            store.metadata, read.store.metadata, but=("augment",)
        ):
            raise InputError(
                f"{store.path}: no crops of the pictures of "
                f"{read.store.path}; make both with imcap extract --output, "
                "this one with --augment and otherwise the same flags"
            )
        self.read = read
        self.store = store
        self.count = made[0]

    def __contains__(self, image_id: Any) -> bool:
        names = (crop_id(image_id, number) for number in range(self.count))
        return any(name in self.store for name in names)

    def __call__(
        self, image_ids: Sequence[int | str], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        inputs = self.read(image_ids)
        features = inputs["features"]
        chosen = rng.integers(self.count + 1, size=len(image_ids))
        for place, number in enumerate(chosen):
            name = crop_id(image_ids[place], number)
            if number < self.count and name in self.store:
                features[place] = self.store.read([name])[0][0]
        return inputs


def readable_ids(
    read: "StoredFeatures | Pixels", image_ids: Sequence[int | str]
) -> set[int | str]:
    """Those of some ids that a reader can read, each for itself."""
    if isinstance(read, StoredFeatures):
        return read.store.known(image_ids)
    return {name for name in image_ids if name in read}


def open_crops(
    path: StrPath, read: StoredFeatures, image_ids: Sequence[int | str]
) -> tuple[AugmentedFeatures, tuple[str, ...]]:
    """What reads training pictures as they are or in part, and notes."""
    store = FeatureStore.open(path)
    crops = AugmentedFeatures(read, store)
    lacking = [name for name in image_ids if name not in crops]
    if len(lacking) == len(image_ids):
        raise InputError(
            f"{store.path}: no crop of image {lacking[0]!r}, nor of any other "
            "training picture; make it from the same captions"
        )
    if not lacking:
        return crops, ()
    return crops, (
        f"{len(lacking)} of {len(image_ids)} training pictures have no crops "
        f"in {store.path}",
    )


class Pixels:
    """Reader of pixels by image id, as a model's inputs.

    Args:
        files: dict of image id to path, into an archive too.
        size: int, side in pixels.

    Call arguments:
        image_ids: list of B ids.

    Returns:
        Dict of images, uint8 (B, size, size, 3), and, after `locate`,
        positions (B, K, P).
    """

    def __init__(self, files: Mapping[Any, Path], size: int) -> None:
        self.files = files
        self.size = size
        self.positions: np.ndarray | None = None

    def locate(
        self,
        kind: str | None,
        num_grids: int = 144,
        folder: StrPath | None = None,
        grid: tuple[int, int] | None = None,
    ) -> None:
        """Adds positions of the cells of `grid`, (h, w), from now on."""
        self.positions = None
        if kind is not None:
            if grid is None:
                raise ValueError("the grid of a picture network is needed")
            self.positions = grid_positions(kind, grid, num_grids)

    def __contains__(self, image_id: Any) -> bool:
        return image_id in self.files

    def __call__(self, image_ids: Sequence[int | str]) -> dict[str, np.ndarray]:
        pixels = [
            load_pixels(self.files[image_id], self.size, self.size)
            for image_id in image_ids
        ]
        return {"images": np.stack(pixels)} | self.position_inputs(len(pixels))

    def position_inputs(self, count: int) -> dict[str, np.ndarray]:
        """Inputs of positions (count, K, P), a dict; {} without them."""
        if self.positions is None:
            return {}
        return {"positions": np.stack([self.positions] * count)}


def iterate_batches(
    read: ReadInputs, image_ids: Sequence[int | str], batch_size: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yields a model's inputs for one batch of ids after another."""
    for start in range(0, len(image_ids), batch_size):
        yield read(image_ids[start : start + batch_size])


def pool_features(
    read: ReadInputs, image_ids: Sequence[int | str]
) -> np.ndarray:
    """Features of N images, averaged over locations: float64 (N, D)."""
    parts = []
    for inputs in iterate_batches(read, image_ids, 512):
        features = np.asarray(inputs["features"], "float32")
        keep = inputs.get("mask", np.ones(features.shape[:2], bool))
        total = (features * keep[..., None]).sum(axis=1)
        parts.append(total / np.maximum(keep.sum(axis=1), 1)[:, None])
    return np.concatenate(parts).astype("float64")

"""What models are fed: features from a store, or pixels from pictures."""

import numpy as np

from imcap.data.features.boxes import grid_positions
from imcap.data.features.positions import PositionReader
from imcap.data.features.writer import same_network
from imcap.data.pictures.crops import crop_id
from imcap.data.pictures.decoding import load_pixels
from imcap.errors import InputError


class StoredFeatures:
    """Reads the features of some images as a task's inputs.

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

    def __init__(self, store, channels=None, cache=False):
        if channels is not None and store.channels != channels:
            raise InputError(
                f"{store.path}: features are {store.channels} wide, the "
                f"model was trained on {channels}; extract them with the "
                "network named in the run's features.json"
            )
        self.store = store
        self.kept = {} if cache else None
        self.kept_positions = {}
        self.positions = None

    def locate(self, kind, num_grids=144, folder=None, grid=None):
        """From now on says where each location is.

        Args:
            kind: "boxes" for relative boxes (P = 4), "grid" for grid
                vectors (P = G), None for nothing.
            num_grids: int, G of the grid vectors.
            folder: folder to read positions from; None for the cells of
                features that are a grid, and the boxes beside regions (see
                `imcap.data.features.positions.PositionReader`).
            grid: not needed; the store knows its own.
        """
        self.kept_positions = {}
        self.positions = None
        if kind is not None:
            self.positions = PositionReader(self.store, kind, num_grids, folder)

    def __contains__(self, image_id):
        return image_id in self.store

    def __call__(self, image_ids):
        if self.kept is None:
            features, mask = self.store.read(image_ids)
        else:
            features, mask = self._from_memory(image_ids)
        inputs = {"features": features}
        if self.positions is not None:
            inputs["positions"] = self._placed(image_ids, mask)
        if not self.store.fixed_locations:
            inputs["mask"] = mask
        return inputs

    def _placed(self, image_ids, mask):
        """Positions of some images, zero where the mask is False."""
        positions = np.zeros((*mask.shape, self.positions.width), "float32")
        counts = mask.sum(axis=1)
        for number, image_id in enumerate(image_ids):
            count = int(counts[number])
            rows = self._positions_of(image_id, count)
            positions[number, :count] = rows
        return positions

    def _positions_of(self, image_id, count):
        if self.kept is None:
            return self.positions.read(image_id, count)
        if image_id not in self.kept_positions:
            rows = self.positions.read(image_id, count)
            self.kept_positions[image_id] = rows
        return self.kept_positions[image_id]

    def _from_memory(self, image_ids):
        rows = []
        for image_id in image_ids:
            if image_id not in self.kept:
                self.kept[image_id] = self.store.read([image_id])[0][0]
            rows.append(self.kept[image_id])
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
    """Features of pictures, or of one of their crops, as chance will.

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

    def __init__(self, read, store):
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

    def __contains__(self, image_id):
        names = (crop_id(image_id, number) for number in range(self.count))
        return any(name in self.store for name in names)

    def __call__(self, image_ids, rng):
        inputs = self.read(image_ids)
        features = inputs["features"]
        chosen = rng.integers(self.count + 1, size=len(image_ids))
        for place, number in enumerate(chosen):
            name = crop_id(image_ids[place], number)
            if number < self.count and name in self.store:
                features[place] = self.store.read([name])[0][0]
        return inputs


class Pixels:
    """Reads and resizes pictures as a task's inputs.

    Args:
        files: dict of image id to path.
        size: int, side in pixels.

    Call arguments:
        image_ids: list of B ids.

    Returns:
        Dict of images, uint8 (B, size, size, 3), and, after `locate`,
        positions (B, K, P).
    """

    def __init__(self, files, size):
        self.files = files
        self.size = size
        self.positions = None

    def locate(self, kind, num_grids=144, folder=None, grid=None):
        """From now on says where the cells of `grid`, (h, w), are."""
        self.positions = None
        if kind is not None:
            self.positions = grid_positions(kind, grid, num_grids)

    def __contains__(self, image_id):
        return image_id in self.files

    def __call__(self, image_ids):
        pixels = [
            load_pixels(self.files[image_id], self.size, self.size)
            for image_id in image_ids
        ]
        return {"images": np.stack(pixels)} | self.where(len(pixels))

    def where(self, count):
        """Positions (count, K, P) in a dict; {} where nobody asked."""
        if self.positions is None:
            return {}
        return {"positions": np.stack([self.positions] * count)}


def iterate_batches(read, image_ids, batch_size):
    """Yields `read(ids)` for one batch of ids after another."""
    for start in range(0, len(image_ids), batch_size):
        yield read(image_ids[start : start + batch_size])

"""What models are fed: features from a store, or pixels from pictures."""

import numpy as np

from imcap.data.errors import InputError
from imcap.data.images import load_pixels


class StoredFeatures:
    """Reads the features of some images as a task's inputs.

    Args:
        store: a `FeatureStore`.
        channels: int, D that the model expects; None takes any.
        cache: bool, keep everything in memory after the first time.

    Call arguments:
        image_ids: list of B ids.

    Returns:
        Dict of features (B, K, D) and, where K varies, mask (B, K).
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

    def __contains__(self, image_id):
        return image_id in self.store

    def __call__(self, image_ids):
        if self.kept is None:
            features, mask = self.store.read(image_ids)
        else:
            features, mask = self._from_memory(image_ids)
        if self.store.fixed_locations:
            return {"features": features}
        return {"features": features, "mask": mask}

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


class Pixels:
    """Reads and resizes pictures as a task's inputs.

    Args:
        files: dict of image id to path.
        size: int, side in pixels.

    Call arguments:
        image_ids: list of B ids.

    Returns:
        Dict of images, uint8 (B, size, size, 3).
    """

    def __init__(self, files, size):
        self.files = files
        self.size = size

    def __contains__(self, image_id):
        return image_id in self.files

    def __call__(self, image_ids):
        pixels = [
            load_pixels(self.files[image_id], self.size, self.size)
            for image_id in image_ids
        ]
        return {"images": np.stack(pixels)}


def in_batches(read, image_ids, batch_size):
    """Yields `read(ids)` for one batch of ids after another."""
    for start in range(0, len(image_ids), batch_size):
        yield read(image_ids[start : start + batch_size])

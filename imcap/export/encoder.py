"""The picture network of a run, as a part of an exported graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from imcap.export.pictures import read_pictures
from imcap.vision.extraction import PictureEncoder

if TYPE_CHECKING:
    import keras

    from imcap.runs.run import Run


class ExportedEncoder:
    """From encoded pictures to the features that a run was trained on.

    Args:
        run: a `Run`.
        trained: the picture network that was trained along, or None.
        max_pixels: int, width times height above which a picture is refused.

    Attributes:
        takes_pictures: whether it is known what made the run's features.
        encoder: `PictureEncoder`, where it is known.
        grid: (h, w) of the features, None where it is not known.
        image_size: side of the pictures in pixels, or None.

    Raises:
        InputError: the network's weights are not at hand.
    """

    def __init__(self, run: Run, trained: keras.Model | None, max_pixels: int):
        metadata = run.encoder_metadata
        self.takes_pictures = bool(metadata) or trained is not None
        if self.takes_pictures:
            self.encoder = PictureEncoder.from_run(run, trained)
        self.grid = tuple(metadata["grid"]) if metadata.get("grid") else None
        self.image_size = metadata.get("image_size")
        self.channels = run.channels
        self.max_pixels = max_pixels

    def of_bytes(self, image_bytes: Any) -> tuple[Any, Any]:
        """Features of encoded pictures (B,), one row at least, and errors."""
        images, errors = read_pictures(
            at_least_one(image_bytes), self.encoder.size, self.max_pixels
        )
        return self.encoder.features(images), errors

    def specs(self) -> list[tf.TensorSpec]:
        """Input signature of features: list of `tf.TensorSpec`."""
        if self.grid is not None:
            shape = (None, self.grid[0] * self.grid[1], self.channels)
            return [tf.TensorSpec(shape, tf.float32, "features")]
        shape = (None, None, self.channels)
        return [
            tf.TensorSpec(shape, tf.float32, "features"),
            tf.TensorSpec((None, None), tf.bool, "mask"),
        ]


def at_least_one(rows: Any) -> Any:
    """Pads a tensor (B, …) to one row: kernels fail on none."""
    missing = tf.maximum(1 - tf.shape(rows)[0], 0)
    shape = tf.concat([[missing], tf.shape(rows)[1:]], axis=0)
    padded = tf.concat([rows, tf.zeros(shape, rows.dtype)], axis=0)
    return tf.ensure_shape(padded, rows.shape)


def first_rows(answer: dict[str, Any], count: Any) -> dict[str, Any]:
    """A dict of tensors (B, …) cut to the first `count` rows."""
    return {name: part[:count] for name, part in answer.items()}


def zero_failed_rows(errors: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Zeroes the rows of tensors (B, …), a dict, that have an error (B,)."""
    return {
        name: tf.where(_like(errors == "", part), part, tf.zeros_like(part))
        for name, part in answer.items()
    }


def _like(flags, part):
    """Flags (B,) that broadcast against (B, …)."""
    return tf.reshape(flags, [-1] + [1] * (len(part.shape) - 1))

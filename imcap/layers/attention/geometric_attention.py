"""Geometric attention: relative geometry of objects, as a bias."""

import keras
from keras import ops

from imcap.layers.dense import RowDense

FREQUENCIES = 8
WAVE_LENGTH = 1000.0
# Width of the embedding: four relations, eight frequencies, sine and cosine.
GEOMETRY = 4 * FREQUENCIES * 2


@keras.saving.register_keras_serializable(package="imcap")
class RelativeGeometry(keras.layers.Layer):
    """Relative geometry of boxes, embedded by sines and cosines.

    With `w = x_2 − x_1 + 1`, h likewise and c the centre,
    `Δ_mn = (log max(|Δc_x| / w_m, 1e-3), log max(|Δc_y| / h_m, 1e-3),
    log(w_m / w_n), log(h_m / h_n))`, and the embedding is sine, then cosine,
    of `100 Δ 1000^(−k/8)`, k = 0 … 7. The +1 stands for pixels; it is kept
    for relative boxes too, as in the published code. There is nothing to
    learn, and nothing is computed below float32.

    Args:
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        boxes: float tensor (B, K, 4) of x1, y1, x2, y2, with x1 ≤ x2 and
            y1 ≤ y2.

    Returns:
        Float tensor (B, K, K, 64): entry m, n is n as seen from m.

    Example:
        >>> RelativeGeometry()(boxes)

    Reference:
        Herdade et al., 2019, "Image captioning: transforming objects into
        words", equation 6; Hu et al., 2018, "Relation networks for object
        detection".
    """

    def __init__(self, **kwargs):
        # Sines of numbers in the hundreds mean nothing in half precision.
        super().__init__(autocast=False, **kwargs)

    def call(self, boxes):
        boxes = ops.cast(boxes, "float32")
        sizes = boxes[..., 2:] - boxes[..., :2] + 1  # (B, K, 2)
        centres = (boxes[..., 2:] + boxes[..., :2]) / 2
        apart = ops.abs(centres[:, :, None] - centres[:, None])
        apart = ops.maximum(apart / sizes[:, :, None], 1e-3)
        logs = ops.log(sizes)
        ratios = logs[:, :, None] - logs[:, None]  # (B, K, K, 2)
        relations = ops.concatenate([ops.log(apart), ratios], axis=-1)
        powers = [-k / FREQUENCIES for k in range(FREQUENCIES)]
        waves = [100 * WAVE_LENGTH**power for power in powers]
        angles = relations[..., None] * ops.convert_to_tensor(waves)
        batch, count = ops.shape(boxes)[:2]
        angles = ops.reshape(angles, (batch, count, count, GEOMETRY // 2))
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return ops.cast(waves, self.compute_dtype)

    def compute_output_spec(self, boxes):
        batch, count = boxes.shape[:2]
        shape = (batch, count, count, GEOMETRY)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return config


@keras.saving.register_keras_serializable(package="imcap")
class GeometricBias(keras.layers.Layer):
    """Geometric bias: what relative geometry adds to attention scores.

    `log max(relu(W g + b), 1e-6)`, one row of W a head: the softmax of
    scores with this bias weighs by relu(·) times exp(score).

    Args:
        heads: int, H.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        geometry: float tensor (B, K, K, 64) of `RelativeGeometry`.

    Returns:
        Float tensor (B, H, K, K).

    Example:
        >>> bias = GeometricBias(8)(geometry)
        >>> context, weights = attention(states, keys, values, bias=bias)

    Reference:
        Herdade et al., 2019, equations 7 and 8.
    """

    LEAST = 1e-6

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        # The slope of the logarithm exceeds what half precision can hold.
        self.dense = RowDense(
            heads, activation="relu", dtype="float32", name="dense"
        )

    def build(self, geometry_shape):
        self.dense.build(geometry_shape)
        self.built = True

    def call(self, geometry):
        bias = ops.log(ops.maximum(self.dense(geometry), self.LEAST))
        bias = ops.transpose(bias, (0, 3, 1, 2))  # (B, H, K, K)
        return ops.cast(bias, self.compute_dtype)

    def compute_output_spec(self, geometry):
        batch, count = geometry.shape[:2]
        shape = (batch, self.heads, count, count)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"heads": self.heads}

"""Softmax that knows which entries exist."""

import keras
from keras import ops

# Finite, and still finite after the cast to float16 that never happens here:
# the softmax runs in float32 whatever the layer's dtype.
FILL = -1e9


def masked_softmax(scores, mask=None, axis=-1):
    """Softmax over the entries that `mask` keeps, in float32 inside.

    A row with nothing to keep gives all zeros rather than NaN.

    Args:
        scores: float tensor, for example (B, Q, K).
        mask: boolean tensor that broadcasts to `scores`, True = keep; None
            keeps all.
        axis: the axis that sums to one.

    Returns:
        Weights of the shape and dtype of `scores`.

    Example:
        >>> masked_softmax(ops.array([[1.0, 1.0]]), ops.array([[True, False]]))
        [[1., 0.]]
    """
    dtype = scores.dtype
    scores = ops.cast(scores, "float32")
    if mask is None:
        return ops.cast(ops.softmax(scores, axis=axis), dtype)
    mask = ops.cast(mask, "bool")
    weights = ops.softmax(ops.where(mask, scores, FILL), axis=axis)
    return ops.cast(ops.where(mask, weights, 0.0), dtype)


def masked_mean(values, mask=None):
    """Mean over locations of (B, K, D), counting only kept ones: (B, D).

    Args:
        values: float tensor (B, K, D).
        mask: boolean tensor (B, K), True = keep; None keeps all.
    """
    dtype = values.dtype
    # Sums of many float16 values would overflow.
    values = ops.cast(values, "float32")
    if mask is None:
        return ops.cast(ops.mean(values, axis=1), dtype)
    count = ops.sum(ops.cast(mask, "float32"), axis=1)[:, None]  # (B, 1)
    total = ops.sum(kept_locations(values, mask), axis=1)
    return ops.cast(total / ops.maximum(count, 1.0), dtype)


def kept_locations(values, mask=None):
    """(B, K, D) with zeros where `mask` (B, K) keeps nothing.

    Padding may hold anything, NaN included, and zero times NaN is NaN, so
    it is replaced before anything multiplies it.
    """
    if mask is None:
        return values
    mask = ops.cast(mask, "bool")[:, :, None]  # (B, K, 1)
    return ops.where(mask, values, ops.zeros_like(values))


@keras.saving.register_keras_serializable(package="imcap")
class KeptLocations(keras.layers.Layer):
    """Zeros where there is no location: `kept_locations` as a layer.

    Call arguments:
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        Float tensor (B, K, D).

    Example:
        >>> KeptLocations()(features, mask)
    """

    def call(self, values, location_mask=None):
        return kept_locations(values, location_mask)

    def compute_output_spec(self, values, location_mask=None):
        return keras.KerasTensor(values.shape, dtype=values.dtype)

"""Softmax that knows which entries exist."""

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
    if mask is None:
        return ops.mean(values, axis=1)
    kept = ops.cast(mask, values.dtype)[:, :, None]  # (B, K, 1)
    count = ops.maximum(ops.sum(kept, axis=1), 1)  # (B, 1)
    # Padding may hold anything, NaN included, so it is replaced, not scaled.
    values = ops.where(kept > 0, values, ops.zeros_like(values))
    return ops.sum(values, axis=1) / count

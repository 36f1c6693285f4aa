"""The ways to make scores of one context vector comparable."""

from keras import ops

from imcap.layers.masking import masked_softmax

# Whether what comes out lies between -1 and 1.
NORMALIZATIONS = {
    "clipped_l2norm": True,
    "l2norm": True,
    "l1norm": True,
    "clipped_l1norm": True,
    "clipped": False,
    "softmax": True,
    "no_norm": False,
}
# Keeps a row of zeros from dividing by zero.
EPSILON = 1e-8


def normalized(scores, name, axis, mask=None, scale=1.0):
    """Scores over their length along an axis, or what else `name` says.

    "clipped" leaves a tenth of what is negative. Without a norm the scores
    stay as they are; "softmax" makes them shares.

    Args:
        scores: float32 tensor, 0 where masked.
        name: a key of `NORMALIZATIONS`.
        axis: int, the axis of the queries.
        mask: boolean tensor that broadcasts to `scores`, True = keep.
        scale: float that all are multiplied by at the end.

    Returns:
        Tensor of the shape of `scores`.
    """
    if name == "softmax":
        return scale * masked_softmax(scores, mask, axis=axis)
    if name.startswith("clipped"):
        scores = ops.leaky_relu(scores, negative_slope=0.1)
    if name.endswith("l2norm"):
        square = ops.sum(scores * scores, axis=axis, keepdims=True)
        # The root has no slope at zero.
        length = ops.sqrt(ops.maximum(square, 1e-24))
        scale = scale / (length + EPSILON)
    if name.endswith("l1norm"):
        length = ops.sum(ops.abs(scores), axis=axis, keepdims=True)
        scale = scale / (length + EPSILON)
    return scores * scale

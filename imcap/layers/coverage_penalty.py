"""The penalty that makes a caption attend to everything once, as a mean."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class CoveragePenalty(keras.layers.Layer):
    """Adds `c · mean over captions and entries of (1 − Σ_t w_t)²` to the loss.

    Captions without a word (padding of the batch) and locations that do not
    exist do not count.

    Args:
        weight: float, c; 0 adds nothing.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        hidden: any tensor; returned as it is, so that the layer has a place
            in a graph.
        attention: float tensor (B, N, T, K), which sums to one over K.
        real: boolean tensor (B, N, T), words that count.
        location_mask: boolean tensor (B, K), or None.

    Returns:
        `hidden`.

    Example:
        >>> hidden = CoveragePenalty(1.0)(hidden, attention, real)

    Reference:
        Xu et al., 2015, "Show, attend and tell", equation 14; a mean over
        entries, as SCA-CNN's code has it.
    """

    def __init__(self, weight=0.0, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, hidden, attention, real, location_mask=None):
        if self.weight:
            missed = mean_missed(attention, real, location_mask)
            self.add_loss(self.weight * missed)
        return hidden

    def compute_output_spec(self, hidden, attention, real, location_mask=None):
        return keras.KerasTensor(hidden.shape, dtype=hidden.dtype)

    def get_config(self):
        config = super().get_config()
        config.update(weight=self.weight)
        return config


def mean_missed(attention, real, location_mask=None):
    """Scalar mean of `(1 − Σ_t w_t)²`, in float32; see `CoveragePenalty`."""
    attention = ops.cast(attention, "float32")
    counted = ops.cast(real, "float32")[..., None]  # (B, N, T, 1)
    missed = ops.square(1.0 - ops.sum(attention * counted, axis=2))
    share = ops.cast(ops.any(real, axis=2), "float32")[..., None]  # (B, N, 1)
    share = ops.broadcast_to(share, ops.shape(missed))
    if location_mask is not None:
        share = share * ops.cast(location_mask, "float32")[:, None]
    return ops.sum(missed * share) / ops.maximum(ops.sum(share), 1.0)

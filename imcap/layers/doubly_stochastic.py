"""The penalty that makes a caption look everywhere once."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class DoublyStochastic(keras.layers.Layer):
    """Adds `λ · mean over captions of Σ_k (1 − Σ_t α_{t,k})²` to the loss.

    Each caption's own words count, and locations that exist.

    Args:
        alpha_c: float, λ; 0 adds nothing.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        hidden: any tensor; returned as it is, so that the layer has a place
            in a graph.
        weights: float tensor (B, N, T, K), attention.
        real: boolean tensor (B, N, T), words that count.
        location_mask: boolean tensor (B, K), or None.

    Returns:
        `hidden`.

    Example:
        >>> hidden = DoublyStochastic(1.0)(hidden, weights, real)

    Reference:
        Xu et al., 2015, "Show, attend and tell", equation 14. The published
        code sums over the batch and averages over locations; this is the
        paper's form.
    """

    def __init__(self, alpha_c=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha_c = alpha_c

    def call(self, hidden, weights, real, location_mask=None):
        if self.alpha_c:
            self.add_loss(self.alpha_c * penalty(weights, real, location_mask))
        return hidden

    def compute_output_spec(self, hidden, weights, real, location_mask=None):
        return keras.KerasTensor(hidden.shape, dtype=hidden.dtype)

    def get_config(self):
        config = super().get_config()
        config.update(alpha_c=self.alpha_c)
        return config


def penalty(weights, real, location_mask=None):
    """Scalar mean over captions of `Σ_k (1 − Σ_t α)²`, in float32.

    Captions without a word (padding of the batch) do not count.
    """
    weights = ops.cast(weights, "float32")
    counted = ops.cast(real, "float32")  # (B, N, T)
    seen = ops.sum(weights * counted[..., None], axis=2)  # (B, N, K)
    missed = ops.square(1.0 - seen)
    if location_mask is not None:
        missed = missed * ops.cast(location_mask, "float32")[:, None]
    captions = ops.cast(ops.any(real, axis=2), "float32")  # (B, N)
    total = ops.sum(ops.sum(missed, axis=-1) * captions)
    return total / ops.maximum(ops.sum(captions), 1.0)

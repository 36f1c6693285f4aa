"""Spatial attention of SCA-CNN: over the locations of a map (Φs)."""

import keras

from imcap.layers.attention.additive_attention import AdditiveAttention
from imcap.layers.initializers import SquareOrthogonal


@keras.saving.register_keras_serializable(package="imcap")
class SpatialAttention(AdditiveAttention):
    """Spatial attention: `AdditiveAttention` that begins near uniform.

    `a_k = u · tanh(W_s x_k + b_s + W_hs h)`, `α = softmax(a)`.

    Args:
        units: int, A, width of the score's hidden layer.
        stddev: float, spread of initial weights; small, for then all
            locations count alike and what follows sees what it was
            trained on.
        **kwargs: see `keras.layers.Layer`.

    Call arguments, returns: see `AdditiveAttention`.

    Example:
        >>> attention = SpatialAttention(512)
        >>> attention.build((10, 5, 512), (10, 49, 1280))
        >>> context, weights = attention(
        ...     hidden, attention.project(values), values
        ... )

    Reference:
        Chen et al., 2017, "SCA-CNN: spatial and channel-wise attention in
        convolutional networks for image captioning", section 3.2. The
        published code adds a scalar to the weight vector in its second
        layer; it belongs to the product, and there a softmax cancels it.
    """

    def __init__(self, units, stddev=0.01, **kwargs):
        super().__init__(units, **kwargs)
        self.stddev = stddev
        for dense in (self.query_dense, self.key_dense, self.score_dense):
            dense.kernel_initializer = SquareOrthogonal(stddev)

    def get_config(self):
        config = super().get_config()
        for name in ("activation", "use_score_bias"):
            config.pop(name)
        config.update(stddev=self.stddev)
        return config

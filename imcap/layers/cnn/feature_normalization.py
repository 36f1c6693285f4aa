"""Batch normalisation of features, padding left out."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class FeatureNormalization(keras.layers.Layer):
    """`keras.layers.BatchNormalization` over the locations that exist.

    Takes the place of Keras' layer where a mask is an argument like others:
    Keras attaches it to the output, and later layers complain.

    Args:
        momentum: float, share of the running statistics that a batch keeps.
        epsilon: float, added to the variance.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        training: bool, normalise by this batch, and learn from it.

    Returns:
        Float tensor (B, K, D).

    Example:
        >>> FeatureNormalization()(features, mask)

    Reference:
        Ioffe and Szegedy, 2015, "Batch normalization", algorithm 1.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, values_shape):
        width = (values_shape[-1],)

        def weight(name, initializer, trainable):
            return self.add_weight(
                shape=width,
                initializer=initializer,
                trainable=trainable,
                autocast=False,  # statistics stay in float32
                name=name,
            )

        self.gamma = weight("gamma", "ones", True)
        self.beta = weight("beta", "zeros", True)
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)
        self.built = True

    def call(self, values, location_mask=None, training=False):
        dtype = values.dtype
        values = ops.cast(values, "float32")
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = self._moments(values, location_mask)
            for kept, now in (
                (self.moving_mean, mean),
                (self.moving_variance, variance),
            ):
                kept.assign(self.momentum * kept + (1 - self.momentum) * now)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        shift = self.beta - mean * scale
        return ops.cast(values * scale + shift, dtype)

    def _moments(self, values, location_mask):
        if location_mask is None:
            return ops.moments(values, axes=(0, 1))
        real = ops.cast(location_mask, "float32")[..., None]  # (B, K, 1)
        count = ops.maximum(ops.sum(real), 1.0)
        mean = ops.sum(values * real, axis=(0, 1)) / count
        square = ops.square(values - mean) * real
        return mean, ops.sum(square, axis=(0, 1)) / count

    def compute_output_spec(self, values, location_mask=None, training=False):
        return keras.KerasTensor(values.shape, dtype=values.dtype)

    def get_config(self):
        config = super().get_config()
        config.update(momentum=self.momentum, epsilon=self.epsilon)
        return config

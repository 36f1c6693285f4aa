"""The normalisations that transformers of this lineage use."""

import keras
from keras import ops


class _Normalization(keras.layers.Layer):
    """Base of both normalisations below: float32 inside, no options."""

    def call(self, inputs):
        normal = self.normalize(ops.cast(inputs, "float32"))
        return ops.cast(normal, self.compute_dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="imcap")
class RootMeanSquareNormalization(_Normalization):
    """RMS normalisation: `x / (‖x‖ / √d + ε) · scale`.

    Unlike `keras.layers.RMSNormalization`, ε (1e-8) stands outside the root,
    as in the published code.

    Args:
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor (…, d).

    Returns:
        Float tensor (…, d).

    Example:
        >>> RootMeanSquareNormalization()(states)

    Reference:
        Zhang and Sennrich, 2019, "Root mean square layer normalization".
    """

    EPSILON = 1e-8

    def build(self, inputs_shape):
        self.scale = self.add_weight(
            shape=(inputs_shape[-1],), initializer="ones", name="scale"
        )
        self.built = True

    def normalize(self, inputs):
        square = ops.mean(inputs * inputs, axis=-1, keepdims=True)
        scale = ops.cast(self.scale, "float32")
        return inputs * _inverse_root(square, self.EPSILON) * scale


@keras.saving.register_keras_serializable(package="imcap")
class UnbiasedNormalization(_Normalization):
    """Layer normalisation by the unbiased deviation: `(x − x̄) / (s + ε)`.

    `s² = Σ (x − x̄)² / (d − 1)`, ε = 1e-6 added to s, then scale and shift:
    what the object relation transformer has in place of the usual one.

    Args:
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor (…, d), d at least 2.

    Returns:
        Float tensor (…, d).

    Example:
        >>> UnbiasedNormalization()(states)
    """

    EPSILON = 1e-6

    def build(self, inputs_shape):
        shape = (inputs_shape[-1],)
        self.gamma = self.add_weight(
            shape=shape, initializer="ones", name="gamma"
        )
        self.beta = self.add_weight(
            shape=shape, initializer="zeros", name="beta"
        )
        self.built = True

    def normalize(self, inputs):
        centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        square = ops.sum(centred * centred, axis=-1, keepdims=True)
        square = square / (inputs.shape[-1] - 1)
        gamma = ops.cast(self.gamma, "float32")
        beta = ops.cast(self.beta, "float32")
        return centred * _inverse_root(square, self.EPSILON) * gamma + beta


def _inverse_root(square, epsilon):
    """`1 / (√square + ε)`, and 0 where the root is below ε.

    There all is zero but for rounding, with or without a factor of 1 / ε,
    whose gradient would not fit half precision.
    """
    some = square > epsilon**2
    root = ops.sqrt(ops.where(some, square, 1.0))
    return ops.where(some, 1 / (root + epsilon), 0.0)


def transformer_normalization(norm, **kwargs):
    """The normalisation of a name on the command line.

    Args:
        norm: "layer" (ε = 1e-5), "RMS" or "unbiased".
        **kwargs: see `keras.layers.Layer`.

    Returns:
        A layer (…, d) to (…, d).

    Raises:
        ValueError: another name.
    """
    if norm == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-5, **kwargs)
    if norm == "RMS":
        return RootMeanSquareNormalization(**kwargs)
    if norm == "unbiased":
        return UnbiasedNormalization(**kwargs)
    raise ValueError(f"norm must be 'layer', 'RMS' or 'unbiased', got {norm!r}")

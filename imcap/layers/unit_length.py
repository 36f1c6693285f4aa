"""Vectors at length one."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class UnitLength(keras.layers.Layer):
    """`x / (‖x‖ + 1e-8)` over the last axis.

    Call arguments:
        values: float tensor (…, C).

    Returns:
        Float tensor (…, C).

    Example:
        >>> UnitLength()(context)
    """

    def call(self, values):
        dtype = values.dtype
        values = ops.cast(values, "float32")  # squares overflow
        square = ops.sum(values * values, axis=-1, keepdims=True)
        # The root has no slope at zero, where a dead map would land.
        length = ops.sqrt(ops.maximum(square, 1e-24))
        return ops.cast(values / (length + 1e-8), dtype)

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, dtype=self.compute_dtype)

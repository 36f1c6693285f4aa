"""A dense layer whose kernel has a length of its own."""

import keras
from keras import ops

from imcap.layers.row_dense import row_product


@keras.saving.register_keras_serializable(package="imcap")
class WeightNormalizedDense(keras.layers.Layer):
    """`y = (g v / ‖v‖) x + b`, one length g for the whole matrix v.

    Args:
        units: int, U.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor (…, D).

    Returns:
        Float tensor (…, U).

    Example:
        >>> WeightNormalizedDense(1024)(features)

    Reference:
        Salimans and Kingma, 2016, "Weight normalization", equation 2, there
        with a length for each column. Starts as PyTorch's linear layer,
        within 1/√D, at the length that v has.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, inputs_shape):
        limit = inputs_shape[-1] ** -0.5
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.direction = self.add_weight(
            shape=(inputs_shape[-1], self.units),
            initializer=uniform,
            name="direction",
        )
        self.length = self.add_weight(
            shape=(), initializer=self._initial_length, name="length"
        )
        self.bias = self.add_weight(
            shape=(self.units,), initializer=uniform, name="bias"
        )
        self.built = True

    def _initial_length(self, shape, dtype=None):
        square = ops.sum(ops.square(self.direction))
        return ops.cast(ops.sqrt(square), dtype)

    def call(self, inputs):
        direction = ops.cast(self.direction, "float32")
        square = ops.sum(direction * direction)
        scale = ops.cast(self.length, "float32") / ops.sqrt(square)
        kernel = ops.cast(direction * scale, self.compute_dtype)
        return row_product(inputs, kernel) + self.bias

    def compute_output_spec(self, inputs):
        shape = (*inputs.shape[:-1], self.units)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"units": self.units}

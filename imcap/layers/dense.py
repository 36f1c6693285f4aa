"""Dense layers, and products that stay one matrix product in training."""

import keras
from keras import ops


def row_product(inputs, kernel):
    """Matrix product of the last axis of `inputs` with `kernel`, over rows.

    A product of a tensor of rank 3 or more with a matrix is a batch of
    small products to some backends, and the gradient of the matrix then a
    batch of full-sized ones to be added up. Over flattened rows both are a
    single product.

    Args:
        inputs: float tensor (…, D).
        kernel: float tensor (D, U).

    Returns:
        Float tensor (…, U).
    """
    if len(inputs.shape) == 2:
        return ops.matmul(inputs, kernel)
    leading = ops.shape(inputs)[:-1]
    rows = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    return ops.reshape(rows, (*leading, kernel.shape[-1]))


def euclidean_length(values, axis=-1):
    """Euclidean length along an axis, which stays, of size 1.

    At least 1e-12: the root has no slope at zero, where dead units land.
    """
    square = ops.sum(values * values, axis=axis, keepdims=True)
    return ops.sqrt(ops.maximum(square, 1e-24))


@keras.saving.register_keras_serializable(package="imcap")
class RowDense(keras.layers.Dense):
    """Dense layer, `keras.layers.Dense`, computed over flattened rows.

    Takes and returns what `keras.layers.Dense` does: (…, D) to (…, units).

    Example:
        >>> RowDense(512, activation="relu")(features)  # (B, K, 512)
    """

    def call(self, inputs, training=None):
        # The kernel knows D where a compiled graph has forgotten it.
        rows = ops.reshape(inputs, (-1, self.kernel.shape[0]))
        outputs = super().call(rows, training=training)
        shape = (*ops.shape(inputs)[:-1], self.units)
        return ops.reshape(outputs, shape)

    def compute_output_spec(self, inputs, training=None):
        shape = (*inputs.shape[:-1], self.units)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="imcap")
class UnitLength(keras.layers.Layer):
    """L2 normalisation, `x / (‖x‖ + 1e-8)`, over the last axis.

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
        return ops.cast(values / (euclidean_length(values) + 1e-8), dtype)

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="imcap")
class WeightNormalizedDense(keras.layers.Layer):
    """Weight normalisation: `y = (g v / ‖v‖) x + b`, one length g for all.

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

"""Dense layers and products that stay one matrix product in training."""

import keras
from keras import ops


def row_product(inputs, kernel):
    """Matrix product of the last axis of `inputs` with `kernel`.

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


def turned(kernel):
    """The transpose (W, U) of a kernel (U, W), laid out anew.

    Compilers fold a plain transpose into the products that read it, and a
    product of few rows with a transposed matrix takes three times as long.
    They cannot where halves are put together.
    """
    half = kernel.shape[1] // 2
    halves = (kernel[:, :half], kernel[:, half:])
    return ops.concatenate([ops.transpose(part) for part in halves], axis=0)


@keras.saving.register_keras_serializable(package="imcap")
class RowDense(keras.layers.Dense):
    """`keras.layers.Dense`, computed over flattened rows.

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

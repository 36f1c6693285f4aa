"""Initializers: orthogonal weights where they multiply a state."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class OrthogonalBlocks(keras.initializers.Initializer):
    """An orthogonal matrix for each gate of a recurrence, side by side.

    Args:
        gates: int, number of square blocks.

    Example:
        >>> OrthogonalBlocks(4)((512, 2048))

    Reference:
        Saxe et al., 2014, "Exact solutions to the nonlinear dynamics of
        learning in deep linear neural networks".
    """

    def __init__(self, gates):
        self.gates = gates

    def __call__(self, shape, dtype=None, **more):
        block = (shape[0], shape[1] // self.gates)
        return ops.concatenate(
            [
                keras.initializers.Orthogonal()(block, dtype)
                for _ in range(self.gates)
            ],
            axis=1,
        )

    def get_config(self):
        return {"gates": self.gates}


@keras.saving.register_keras_serializable(package="imcap")
class SquareOrthogonal(keras.initializers.Initializer):
    """Orthogonal square weights, small normal numbers for oblong ones.

    Args:
        stddev: float, standard deviation of the normal numbers.

    Example:
        >>> SquareOrthogonal(0.01)((512, 2048))

    Reference:
        Xu et al., 2015, "Show, attend and tell", the published code.
    """

    def __init__(self, stddev=0.01):
        self.stddev = stddev

    def __call__(self, shape, dtype=None, **more):
        if len(shape) == 2 and shape[0] == shape[1]:
            return keras.initializers.Orthogonal()(shape, dtype)
        return keras.initializers.RandomNormal(stddev=self.stddev)(shape, dtype)

    def get_config(self):
        return {"stddev": self.stddev}

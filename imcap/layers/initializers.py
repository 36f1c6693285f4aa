"""Small random numbers, but an orthogonal matrix where it is square."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class SquareOrthogonal(keras.initializers.Initializer):
    """Normal numbers for oblong weights, orthogonal square ones.

    Args:
        stddev: float, standard deviation of the normal numbers.

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


@keras.saving.register_keras_serializable(package="imcap")
class OrthogonalBlocks(keras.initializers.Initializer):
    """An orthogonal matrix for each of some gates, side by side.

    Args:
        gates: int, number of square blocks.
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

"""Small random numbers, but an orthogonal matrix where it is square."""

import keras


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

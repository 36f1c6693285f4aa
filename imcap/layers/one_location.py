"""Hard attention: one location, drawn from the weights."""

import keras
from keras import ops


def one_location(weights, uniforms):
    """One-hot weights drawn by the inverse distribution function.

    No gradient passes: the location is a choice, not a number.

    Args:
        weights: float tensor (…, K) that sums to one over K.
        uniforms: float tensor (…) in [0, 1), drawn beforehand.

    Returns:
        Tensor (…, K) of zeros and, in each row, one 1, in the dtype of
        `weights`. A row of zeros stays one.

    Example:
        >>> one_location(ops.array([[0.5, 0.5]]), ops.array([0.7]))
        [[0., 1.]]
    """
    sums = ops.cumsum(ops.cast(weights, "float32"), axis=-1)
    total = sums[..., -1:]
    # Scaled by the last sum, which rounding keeps from being exactly one,
    # and kept below it, as a number close to one could reach it.
    target = ops.cast(uniforms, "float32")[..., None] * total
    passed = ops.logical_and(sums <= target, sums < total)
    place = ops.sum(ops.cast(passed, "int32"), axis=-1)  # (…)
    drawn = ops.cast(ops.one_hot(place, ops.shape(sums)[-1]), weights.dtype)
    return ops.stop_gradient(drawn * ops.cast(total > 0, weights.dtype))


@keras.saving.register_keras_serializable(package="imcap")
class Draws(keras.layers.Layer):
    """Uniform numbers for hard attention, in training; else ones.

    They are drawn before the recurrence, whose loop may be compiled.

    Call arguments:
        tokens: int tensor (B, N, T).
        training: bool.

    Returns:
        Float32 tensor (B, N, T, 2) in [0, 1), for `AttendingLSTM`; ones,
        which leave attention soft, outside training.

    Example:
        >>> draws = Draws()(tokens, training=True)
    """

    def __init__(self, seed=1337, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, tokens, training=False):
        shape = (*ops.shape(tokens), 2)
        if not training:
            return ops.ones(shape, "float32")
        return keras.random.uniform(shape, seed=self.seed_generator)

    def compute_output_spec(self, tokens, training=False):
        return keras.KerasTensor((*tokens.shape, 2), dtype="float32")

    def get_config(self):
        config = super().get_config()
        config.update(seed=self.seed)
        return config

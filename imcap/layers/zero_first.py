"""Nothing where a caption begins."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class ZeroFirst(keras.layers.Layer):
    """Replaces the first word of each caption by zeros.

    Call arguments:
        words: float tensor (B, N, T, E).

    Returns:
        Float tensor (B, N, T, E).

    Example:
        >>> ZeroFirst()(embedding(tokens))
    """

    def call(self, words):
        later = ops.arange(ops.shape(words)[2], dtype="int32") > 0
        return words * ops.cast(later, words.dtype)[:, None]

    def compute_output_spec(self, words):
        return keras.KerasTensor(words.shape, dtype=words.dtype)

"""Losses of captioning: cross-entropy of words."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class WordCrossEntropy(keras.losses.Loss):
    """Weighted sum of the cross-entropy of words.

    `L = Σ_w weight_w · ((1 − ε) (−log p_w) + ε/(V − 1) Σ_{v≠w} −log p_v)`.

    Weights carry the reduction: 1 / words makes it the mean over tokens,
    1 / captions the mean over captions, an advantage over words the
    objective of self-critical training. Padding weighs 0.

    Args:
        label_smoothing: float ε, what the words not said share.
        **kwargs: see `keras.losses.Loss`.

    Call arguments:
        y_true: int32 tensor (…), the words.
        y_pred: float tensor (…, V), logits.
        sample_weight: float tensor (…); None weighs all alike, 1 / words.

    Returns:
        Float32 scalar.

    Example:
        >>> model.compile("adam", WordCrossEntropy(label_smoothing=0.1))
    """

    def __init__(self, label_smoothing=0.0, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1), got {label_smoothing}"
            )
        self.label_smoothing = label_smoothing

    def __call__(self, y_true, y_pred, sample_weight=None):
        losses = self.call(y_true, ops.cast(y_pred, "float32"))
        if sample_weight is None:
            return ops.mean(losses)
        weights = ops.cast(sample_weight, "float32")
        # Not a product alone: a loss of padding may be infinite.
        weighted = ops.where(weights == 0, 0.0, losses * weights)
        return ops.sum(weighted)

    def call(self, y_true, y_pred):
        losses = ops.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=True
        )
        if not self.label_smoothing:
            return losses
        target = ops.take_along_axis(
            y_pred, ops.cast(y_true, "int32")[..., None], axis=-1
        )[..., 0]
        total = losses + target  # log Σ exp of the logits
        others = ops.sum(y_pred, axis=-1) - target
        others = total - others / (y_pred.shape[-1] - 1)
        smoothing = self.label_smoothing
        return (1 - smoothing) * losses + smoothing * others

    def get_config(self):
        config = super().get_config()
        config.update(label_smoothing=self.label_smoothing)
        return config

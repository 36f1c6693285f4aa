"""REINFORCE for attention that looks at one location."""

import keras
from keras import ops

from imcap.layers.packing import unpacked


@keras.saving.register_keras_serializable(package="imcap")
class HardAttentionLoss(keras.layers.Layer):
    """Adds the policy gradient of drawn locations to the loss.

    `λ_r (log p(y | s) − b) ∂log p(s)` and `λ_e ∂H(s)` per caption, divided
    by the number of words, with `b ← .9 b + .1 log p(y | s)`. In training
    only.

    Args:
        eos_id: int, the word behind a caption's last.
        entropy_weight: float, λ_e.
        reward_weight: float, λ_r.
        decay: float, share of the baseline that is kept.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        logits: float tensor (B, N, T, V), or (W, V) of packed words;
            returned as it is.
        tokens: int tensor (B, N, T), what was read.
        real: boolean tensor (B, N, T), words that count.
        weights, soft: float tensors (B, N, T, K), locations as they were
            used, and the probabilities they were drawn from.
        slots, words: see `imcap.layers.packing`; None where nothing is.
        training: bool.

    Returns:
        `logits`.

    Reference:
        Xu et al., 2015, "Show, attend and tell", equations 11 and 12.
    """

    def __init__(
        self,
        eos_id=0,
        entropy_weight=0.002,
        reward_weight=1.0,
        decay=0.9,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.eos_id = eos_id
        self.entropy_weight = entropy_weight
        self.reward_weight = reward_weight
        self.decay = decay

    def build(self, *shapes, **more):
        self.baseline = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="baseline"
        )
        self.built = True

    def call(
        self,
        logits,
        tokens,
        real,
        weights,
        soft,
        slots=None,
        words=None,
        training=False,
    ):
        if not training:
            return logits
        counted = ops.cast(real, "float32")
        chances = self._log_chances(logits, tokens, real, slots, words)
        said = ops.sum(chances * counted, axis=2)  # (B, N), log p(y | s)
        soft = ops.cast(soft, "float32")
        logs = ops.log(ops.maximum(soft, 1e-8))
        drawn = ops.cast(ops.max(weights, axis=-1) == 1.0, "float32")
        drawn = drawn * counted  # (B, N, T), where one location was used
        used = ops.sum(ops.cast(weights, "float32") * logs, axis=-1)
        reward = ops.stop_gradient(said - self.baseline)
        gain = self.reward_weight * reward * ops.sum(used * drawn, axis=2)
        entropy = -ops.sum(ops.sum(soft * logs, axis=-1) * counted, axis=2)
        total = ops.sum(gain + self.entropy_weight * entropy)
        self.add_loss(-total / ops.maximum(ops.sum(counted), 1.0))
        mean = ops.mean(ops.stop_gradient(said))
        self.baseline.assign(
            self.decay * self.baseline + (1 - self.decay) * mean
        )
        return logits

    def _log_chances(self, logits, tokens, real, slots, words):
        """Log-probabilities (B, N, T) of the words that follow tokens."""
        shape = ops.shape(tokens)
        behind = ops.pad(real[:, :, 1:], [[0, 0], [0, 0], [0, 1]])
        targets = ops.pad(tokens[:, :, 1:], [[0, 0], [0, 0], [0, 1]])
        targets = ops.where(behind, targets, self.eos_id)
        if words is not None:
            first = ops.arange(shape[0], dtype="int32") * (shape[1] * shape[2])
            place = ops.reshape(slots + first[:, None], (-1,))
            place = ops.take(place, words)
            targets = ops.take(ops.reshape(targets, (-1,)), place)
        logits = ops.stop_gradient(ops.cast(logits, "float32"))
        chosen = ops.take_along_axis(logits, targets[..., None], axis=-1)
        chances = chosen[..., 0] - ops.logsumexp(logits, axis=-1)
        return unpacked(chances, slots, words, shape)

    def compute_output_spec(self, logits, *others, **more):
        return keras.KerasTensor(logits.shape, dtype=logits.dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            eos_id=self.eos_id,
            entropy_weight=self.entropy_weight,
            reward_weight=self.reward_weight,
            decay=self.decay,
        )
        return config

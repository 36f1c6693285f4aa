"""Losses that attention adds: coverage penalties and hard attention's.

Each is a layer of the captioner's graph that returns its first argument as it
is, so that it has a place in the graph, and adds its loss on the way.
"""

import keras
from keras import ops

from imcap.layers.packing import row_places, unpack


def missed_coverage(attention, real):
    """`(1 − Σ_t w_t)²` of each caption and entry: float32 (B, N, K).

    Args:
        attention: float tensor (B, N, T, K), which sums to one over K.
        real: boolean tensor (B, N, T), words that count.
    """
    attention = ops.cast(attention, "float32")
    counted = ops.cast(real, "float32")[..., None]  # (B, N, T, 1)
    return ops.square(1.0 - ops.sum(attention * counted, axis=2))


def real_captions(real):
    """1 for captions with a word, 0 for padding of the batch: (B, N)."""
    return ops.cast(ops.any(real, axis=2), "float32")


def coverage_penalty(attention, real, location_mask=None):
    """Scalar mean of `missed_coverage` over captions and entries."""
    missed = missed_coverage(attention, real)
    share = real_captions(real)[..., None]  # (B, N, 1)
    share = ops.broadcast_to(share, ops.shape(missed))
    if location_mask is not None:
        share = share * ops.cast(location_mask, "float32")[:, None]
    return ops.sum(missed * share) / ops.maximum(ops.sum(share), 1.0)


def doubly_stochastic_penalty(attention, real, location_mask=None):
    """Scalar mean of `Σ_k missed_coverage` over captions."""
    missed = missed_coverage(attention, real)
    if location_mask is not None:
        missed = missed * ops.cast(location_mask, "float32")[:, None]
    captions = real_captions(real)
    total = ops.sum(ops.sum(missed, axis=-1) * captions)
    return total / ops.maximum(ops.sum(captions), 1.0)


@keras.saving.register_keras_serializable(package="imcap")
class CoveragePenalty(keras.layers.Layer):
    """Coverage loss: `c · mean over captions and entries of (1 − Σ_t w_t)²`.

    Captions without a word (padding of the batch) and locations that do not
    exist do not count.

    Args:
        weight: float, c; 0 adds nothing.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        hidden: any tensor.
        attention: float tensor (B, N, T, K), which sums to one over K.
        real: boolean tensor (B, N, T), words that count.
        location_mask: boolean tensor (B, K), or None.

    Returns:
        `hidden`.

    Example:
        >>> hidden = CoveragePenalty(1.0)(hidden, attention, real)

    Reference:
        Xu et al., 2015, "Show, attend and tell", equation 14; a mean over
        entries, as SCA-CNN's code has it.
    """

    def __init__(self, weight=0.0, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, hidden, attention, real, location_mask=None):
        if self.weight:
            penalty = coverage_penalty(attention, real, location_mask)
            self.add_loss(self.weight * penalty)
        return hidden

    def compute_output_spec(self, hidden, attention, real, location_mask=None):
        return keras.KerasTensor(hidden.shape, dtype=hidden.dtype)

    def get_config(self):
        return super().get_config() | {"weight": self.weight}


@keras.saving.register_keras_serializable(package="imcap")
class DoublyStochastic(keras.layers.Layer):
    """Doubly stochastic loss: `λ · mean of Σ_k (1 − Σ_t α_{t,k})²`.

    The mean is over captions. Each caption's own words count, and locations
    that exist.

    Args:
        alpha_c: float, λ; 0 adds nothing.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        hidden: any tensor.
        weights: float tensor (B, N, T, K), attention.
        real: boolean tensor (B, N, T), words that count.
        location_mask: boolean tensor (B, K), or None.

    Returns:
        `hidden`.

    Example:
        >>> hidden = DoublyStochastic(1.0)(hidden, weights, real)

    Reference:
        Xu et al., 2015, "Show, attend and tell", equation 14. The published
        code sums over the batch and averages over locations; this is the
        paper's form.
    """

    def __init__(self, alpha_c=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha_c = alpha_c

    def call(self, hidden, weights, real, location_mask=None):
        if self.alpha_c:
            penalty = doubly_stochastic_penalty(weights, real, location_mask)
            self.add_loss(self.alpha_c * penalty)
        return hidden

    def compute_output_spec(self, hidden, weights, real, location_mask=None):
        return keras.KerasTensor(hidden.shape, dtype=hidden.dtype)

    def get_config(self):
        return super().get_config() | {"alpha_c": self.alpha_c}


@keras.saving.register_keras_serializable(package="imcap")
class HardAttentionLoss(keras.layers.Layer):
    """REINFORCE for hard attention: the policy gradient of drawn locations.

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
        logits: float tensor (B, N, T, V), or (W, V) of packed words.
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
        log_probs = self._log_probs(logits, tokens, real, slots, words)
        likelihood = ops.sum(log_probs * counted, axis=2)  # log p(y | s)
        soft = ops.cast(soft, "float32")
        logs = ops.log(ops.maximum(soft, 1e-8))
        drawn = ops.cast(ops.max(weights, axis=-1) == 1.0, "float32")
        drawn = drawn * counted  # (B, N, T), where one location was used
        used = ops.sum(ops.cast(weights, "float32") * logs, axis=-1)
        reward = ops.stop_gradient(likelihood - self.baseline)
        gain = self.reward_weight * reward * ops.sum(used * drawn, axis=2)
        entropy = -ops.sum(ops.sum(soft * logs, axis=-1) * counted, axis=2)
        total = ops.sum(gain + self.entropy_weight * entropy)
        self.add_loss(-total / ops.maximum(ops.sum(counted), 1.0))
        mean = ops.mean(ops.stop_gradient(likelihood))
        self.baseline.assign(
            self.decay * self.baseline + (1 - self.decay) * mean
        )
        return logits

    def _log_probs(self, logits, tokens, real, slots, words):
        """Log-probabilities (B, N, T) of the words that follow tokens."""
        shape = ops.shape(tokens)
        behind = ops.pad(real[:, :, 1:], [[0, 0], [0, 0], [0, 1]])
        targets = ops.pad(tokens[:, :, 1:], [[0, 0], [0, 0], [0, 1]])
        targets = ops.where(behind, targets, self.eos_id)
        if words is not None:
            places = row_places(shape, slots, words)
            targets = ops.take(ops.reshape(targets, (-1,)), places)
        logits = ops.stop_gradient(ops.cast(logits, "float32"))
        chosen = ops.take_along_axis(logits, targets[..., None], axis=-1)
        log_probs = chosen[..., 0] - ops.logsumexp(logits, axis=-1)
        return unpack(log_probs, slots, words, shape)

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

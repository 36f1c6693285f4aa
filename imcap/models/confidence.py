"""Confidence: how likely a generated caption describes its picture."""

import keras
from keras import ops

from imcap.layers.masking import LocationMasking, MaskedMean
from imcap.models.ridge_matcher import RidgeMatcher

EVIDENCE = ("mean log p", "least log p", "match", "margin", "openness")


@keras.saving.register_keras_serializable(package="imcap")
class CaptionConfidence(keras.layers.Layer):
    """Confidence in captions, between 0 and 1.

    `c = σ(w · e + b) · exp(−s² / 2)`, s = max(0, strangeness).

    e, standardised, is the evidence that the caption is right: the mean and
    the least log-probability of its words; its match with the picture by a
    ridge (a `RidgeMatcher`); the margin of that over its match with other
    pictures; how open the gate was, or 1 − the sentinel. Strangeness is the
    log of what the picture's mean feature has outside the directions in
    which those of the training pictures vary most, in deviations from
    theirs: a picture that is no photograph has much there.

    Args:
        vocabulary_size: int, V of the captioner.
        channels: int, D of the features.
        eos_id: int, the word that ends captions.
        rank: int, rank of the ridge.
        axes: int, Q, the directions.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        features: float tensor (B, K, D).
        tokens: int32 tensor (B, N, T).
        log_probs: float tensor (B, N, T).
        opened: float tensor (B, N, T), or None for a captioner without.
        mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        Float32 (B, N).

    Reference:
        Strangeness as in Wang et al., 2022, "ViM: out-of-distribution with
        virtual-logit matching", the norm of the residual alone.
    """

    def __init__(
        self, vocabulary_size, channels, eos_id, rank=64, axes=128, **kwargs
    ):
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.supports_masking = True  # a mask is an argument as all others
        # Config
        self.vocabulary_size = vocabulary_size
        self.channels = channels
        self.eos_id = eos_id
        self.rank = rank
        self.axes = axes
        # Layers
        self.matcher = RidgeMatcher(
            vocabulary_size, channels, rank, name="matcher"
        )
        self.mask_locations = LocationMasking(name="mask_locations")
        self.pool = MaskedMean(name="pool")
        count = len(EVIDENCE)
        self.typical = self._constant("typical", (rank,))
        self.directions = self._constant("directions", (channels, axes))
        self.centre = self._constant("centre", (count,))
        self.spread = self._constant("spread", (count,))
        self.weights_of_evidence = self._constant("evidence", (count,))
        self.bias = self._constant("bias", (1,))
        # Mean and deviation of the log of the residual.
        self.residual = self._constant("residual", (2,))
        self.built = True

    def _constant(self, name, shape):
        return self.add_weight(
            name=name, shape=shape, initializer="ones", trainable=False
        )

    def build(self, features_shape, *other_shapes):
        self.built = True  # all weights are known from the arguments

    def call(self, features, tokens, log_probs, opened=None, mask=None):
        evidence = self.evidence(features, tokens, log_probs, opened, mask)
        standard = (evidence - self.centre) / self.spread  # (B, N, E)
        right = ops.sum(standard * self.weights_of_evidence, axis=-1)
        strange = self.strangeness(features, mask) - self.residual[0]
        strange = ops.maximum(strange / self.residual[1], 0.0)  # (B,)
        familiar = ops.exp(-0.5 * ops.square(strange))
        return ops.sigmoid(right + self.bias) * familiar[:, None]

    def evidence(self, features, tokens, log_probs, opened=None, mask=None):
        """Evidence (B, N, 5), in the order of `EVIDENCE`."""
        ended = ops.cumsum(ops.cast(ops.equal(tokens, self.eos_id), "int32"), 2)
        before = ops.concatenate(
            [ops.zeros_like(ended[..., :1]), ended[..., :-1]], axis=-1
        )
        real = ops.cast(ops.equal(before, 0), "float32")  # words and eos
        said = ops.where(ops.equal(ended, 0), tokens, 0)
        count = ops.maximum(ops.sum(real, axis=-1), 1.0)
        log_probs = ops.cast(log_probs, "float32") * real
        if opened is None:
            openness = ops.ones_like(count)
        else:
            opened = ops.cast(opened, "float32") * real
            openness = ops.sum(opened, axis=-1) / count
        match, margin = self._matches(features, said, mask)
        return ops.stack(
            [
                ops.sum(log_probs, axis=-1) / count,
                ops.min(log_probs, axis=-1),
                match,
                margin,
                openness,
            ],
            axis=-1,
        )

    def _matches(self, features, said, mask):
        """Match (B, N) with the picture, and margin over other pictures."""
        images = self.matcher.encode_images(features, mask)
        image = self.pool(images, mask)[:, None]  # (B, 1, r)
        batch, hypotheses, steps = ops.shape(said)
        rows = ops.reshape(said, (batch * hypotheses, steps))
        captions = ops.sum(self.matcher.encode_captions(rows), axis=1)
        captions = ops.reshape(captions, (batch, hypotheses, self.rank))
        match = ops.sum(captions * image, axis=-1)
        others = ops.sum(captions * self.typical, axis=-1)
        return match, match - others

    def strangeness(self, features, mask=None):
        """Log of the squared residual (B,)."""
        features = self.mask_locations(ops.cast(features, "float32"), mask)
        pooled = self.pool(features, mask)[:, None]  # (B, 1, D)
        standard = self.matcher.standardise(pooled, training=False)[:, 0]
        inside = ops.matmul(standard, self.directions)  # (B, Q)
        squares = ops.sum(ops.square(standard), axis=-1)
        rest = squares - ops.sum(ops.square(inside), axis=-1)
        return ops.log(ops.maximum(rest, 1e-6))

    def get_config(self):
        return {
            "name": self.name,
            "vocabulary_size": self.vocabulary_size,
            "channels": self.channels,
            "eos_id": self.eos_id,
            "rank": self.rank,
            "axes": self.axes,
        }

"""Additive (soft) attention over locations."""

import keras
from keras import ops

from imcap.layers.dense import RowDense
from imcap.layers.kernels.additive_score import additive_score
from imcap.layers.masking import (
    expand_mask,
    mask_locations,
    masked_softmax,
)


@keras.saving.register_keras_serializable(package="imcap")
class AdditiveAttention(keras.layers.Layer):
    """Additive (Bahdanau) attention: a score with one hidden layer.

    `e_k = w · f(W_k v_k + b + W_q q)`, `α = softmax(e)`, `c = Σ_k α_k v_k`.

    Keys are projected once per image with `project` and serve all queries;
    the hidden layer (B, Q, K, U) is only ever held in part.

    Args:
        units: int, width U of the score's hidden layer.
        activation: name of f: "tanh" as published, or "relu".
        use_score_bias: bool, whether the score adds a scalar; a softmax
            cancels it, so it only serves weights that bring one.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        query: float tensor (B, Q, D_q).
        keys: float tensor (B, K, U) from `project(values)`.
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        Context (B, Q, D) and weights (B, Q, K), which sum to one over K.

    Example:
        >>> attention = AdditiveAttention(units=512)
        >>> attention.build((10, 5, 512), (10, 49, 2048))
        >>> context, weights = attention(
        ...     query, attention.project(values), values
        ... )

    Reference:
        Bahdanau, Cho and Bengio, 2015, "Neural machine translation by
        jointly learning to align and translate", appendix A.1.2; Xu et al.,
        2015, "Show, attend and tell", equations 4 to 6 and 13.
    """

    def __init__(
        self, units, activation="tanh", use_score_bias=False, **kwargs
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be positive, got {units}")
        if activation not in ("tanh", "relu"):
            raise ValueError(
                f"activation must be 'tanh' or 'relu', got {activation!r}"
            )
        self.units = units
        self.activation = activation
        self.use_score_bias = use_score_bias
        policy = self.dtype_policy
        self.query_dense = RowDense(
            units, use_bias=False, dtype=policy, name="query"
        )
        self.key_dense = RowDense(units, dtype=policy, name="key")
        self.score_dense = RowDense(
            1, use_bias=use_score_bias, dtype=policy, name="score"
        )

    def build(self, query_shape, keys_shape=None, values_shape=None):
        # project() needs the width of values, call() that of keys as well;
        # given two shapes the second is that of values.
        values_shape = values_shape or keys_shape
        self.query_dense.build(query_shape)
        if not self.key_dense.built:  # project() may have come first
            self.key_dense.build(values_shape)
        self.score_dense.build((*query_shape[:-1], self.units))
        self.built = True

    def project(self, values):
        """Keys (B, K, U) of values (B, K, D), for every later call."""
        return self.key_dense(values)

    def score(self, query, keys, parts=None):
        """Unnormalised scores (B, Q, K) of queries against keys.

        Args:
            query: float tensor (B, Q, D_q).
            keys: float tensor (B, K, U) from `project`.
            parts: see `additive_score`; 1 for the few queries of a step.
        """
        query = self.query_dense(query)  # (B, Q, U)
        # Other layers call this on its own, where nothing casts variables.
        weight = ops.cast(self.score_dense.kernel, query.dtype)
        weight = ops.reshape(weight, (self.units, 1))
        scores = additive_score(query, keys, weight, self.activation, parts)
        if self.use_score_bias:
            scores = scores + self.score_dense.bias
        return scores  # (B, Q, K)

    def call(self, query, keys, values, location_mask=None):
        keys = mask_locations(keys, location_mask)
        values = mask_locations(values, location_mask)
        scores = self.score(query, keys)
        weights = masked_softmax(
            scores, expand_mask(location_mask)
        )  # (B, Q, K)
        return ops.matmul(weights, values), weights

    def compute_output_spec(self, query, keys, values, location_mask=None):
        batch, queries = query.shape[:2]
        context = (batch, queries, values.shape[-1])
        weights = (batch, queries, values.shape[1])
        return tuple(
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in (context, weights)
        )

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            activation=self.activation,
            use_score_bias=self.use_score_bias,
        )
        return config

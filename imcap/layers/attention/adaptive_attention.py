"""Adaptive attention: locations of the picture, and a visual sentinel."""

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
class AdaptiveAttention(keras.layers.Layer):
    """Adaptive attention over K locations and, as one more, the sentinel.

    `ĥ = tanh(W_h h)`, `ŝ = relu(W_s s)`,
    `e_j = w · tanh(k_j^e + W_q ĥ)` over `k = v_1 … v_K, ŝ`,
    `α̂ = softmax(e)`, `c = Σ_j α̂_j k_j`, `β = α̂_{K+1}`.

    Softmax over K + 1 equals the paper's `β s + (1 − β) c`. Without a
    sentinel it is spatial attention.

    Args:
        units: int, width U of keys, values and score ("z" in the original).
        dropout: float, share of `ĥ` and `ŝ` dropped in training.
        sentinel_dropout: float, share of the queries that (in training) may
            not rely on the sentinel. Where pictures mean nothing yet, the
            sentinel soon takes all attention and with it the gradient that
            would give them meaning; this keeps looking alive.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        hidden: float tensor (B, Q, D), the decoder's state.
        sentinel: float tensor (B, Q, D), or None for spatial attention.
        keys: float tensor (B, K, U) from `project(values)`.
        values: float tensor (B, K, U).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        training: bool.

    Returns:
        Context plus ĥ, (B, Q, U), ready for the output layer, and weights
        (B, Q, K), or (B, Q, K + 1) with the sentinel's share last.

    Example:
        >>> attention = AdaptiveAttention(512)
        >>> context, weights = attention(hidden, sentinel, keys, values)

    Reference:
        Lu, Xiong, Parikh and Socher, 2017, "Knowing when to look",
        equations 6 to 8 and 11 to 13. We follow the published code in
        projecting ĥ and ŝ once more, with non-linearities, before the score.
    """

    def __init__(self, units, dropout=0.0, sentinel_dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dropout = dropout
        self.sentinel_dropout = sentinel_dropout

        def dense(name, activation=None, bias=True):
            return RowDense(
                units,
                activation=activation,
                use_bias=bias,
                dtype=self.dtype_policy,
                name=name,
            )

        self.hidden_dense = dense("hidden", "tanh")
        self.query_dense = dense("query", bias=False)
        self.key_dense = dense("key")
        self.sentinel_dense = dense("sentinel", "relu")
        self.sentinel_key_dense = dense("sentinel_key")
        self.score_dense = RowDense(
            1, use_bias=False, dtype=self.dtype_policy, name="score"
        )
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.offer = keras.layers.Dropout(sentinel_dropout, dtype="float32")

    def build(
        self,
        hidden_shape,
        sentinel_shape=None,
        keys_shape=None,
        values_shape=None,
    ):
        inner = (None, None, self.units)
        self.hidden_dense.build(hidden_shape)
        if sentinel_shape is not None:
            self.sentinel_dense.build(sentinel_shape)
            self.sentinel_key_dense.build(inner)
        self.query_dense.build(inner)
        self.score_dense.build(inner)
        if not self.key_dense.built:  # project() may have come first
            self.key_dense.build(inner)
        self.built = True

    def project(self, values):
        """Keys (B, K, U) of values (B, K, U), for every later call."""
        return self.key_dense(values)

    def call(
        self, hidden, sentinel, keys, values, location_mask=None, training=False
    ):
        keys = mask_locations(keys, location_mask)
        values = mask_locations(values, location_mask)
        hidden = self.drop(self.hidden_dense(hidden), training=training)
        query = self.query_dense(hidden)  # (B, Q, U)
        weight = ops.reshape(self.score_dense.kernel, (self.units, 1))
        scores = additive_score(query, keys, weight)  # (B, Q, K)
        mask = expand_mask(location_mask)
        if sentinel is None:
            weights = masked_softmax(scores, mask)
            return ops.matmul(weights, values) + hidden, weights
        sentinel = self.sentinel_dense(sentinel)  # (B, Q, U)
        sentinel = self.drop(sentinel, training=training)
        blind = ops.tanh(query + self.sentinel_key_dense(sentinel))
        scores = ops.concatenate([scores, self.score_dense(blind)], axis=-1)
        mask = self._with_sentinel(mask, scores, training)
        weights = masked_softmax(scores, mask)  # (B, Q, K + 1)
        context = ops.matmul(weights[..., :-1], values)
        context = context + weights[..., -1:] * sentinel
        return context + hidden, weights

    def _with_sentinel(self, mask, scores, training):
        """Mask (B, 1, K), or None, to one that covers scores (B, Q, K + 1)."""
        if not (training and self.sentinel_dropout):
            if mask is None:
                return None
            return ops.pad(mask, [[0, 0], [0, 0], [0, 1]], constant_values=True)
        ones = ops.ones_like(scores, dtype="float32")
        offered = self.offer(ones[..., -1:], training=True) > 0
        locations = ones[..., :-1] > 0
        if mask is not None:
            locations = ops.logical_and(locations, mask)
        return ops.concatenate([locations, offered], axis=-1)

    def compute_output_spec(
        self, hidden, sentinel, keys, values, location_mask=None, training=False
    ):
        batch, queries = hidden.shape[:2]
        locations = values.shape[1]
        if sentinel is not None and locations is not None:
            locations += 1
        return tuple(
            keras.KerasTensor((batch, queries, size), dtype=self.compute_dtype)
            for size in (self.units, locations)
        )

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            dropout=self.dropout,
            sentinel_dropout=self.sentinel_dropout,
        )
        return config

"""Scaled dot-product attention with several heads."""

import keras
from keras import ops

from imcap.layers.dense import RowDense
from imcap.layers.masking import masked_softmax


def split_heads(states, heads):
    """Splits the channels into heads: (B, Q, d) to (B, H, Q, d / H)."""
    batch, count, units = ops.shape(states)
    parted = ops.reshape(states, (batch, count, heads, units // heads))
    return ops.transpose(parted, (0, 2, 1, 3))


@keras.saving.register_keras_serializable(package="imcap")
class SplitHeads(keras.layers.Layer):
    """Heads of channels: (B, K, d) to (B, H, K, d / H), as a layer.

    Args:
        heads: int, H.
        **kwargs: see `keras.layers.Layer`.

    Example:
        >>> SplitHeads(8)(keys)
    """

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, states):
        return split_heads(states, self.heads)

    def compute_output_spec(self, states):
        batch, count, units = states.shape
        shape = (batch, self.heads, count, units // self.heads)
        return keras.KerasTensor(shape, dtype=states.dtype)

    def get_config(self):
        return super().get_config() | {"heads": self.heads}


@keras.saving.register_keras_serializable(package="imcap")
class MultiHeadAttention(keras.layers.Layer):
    """Multi-head attention: scaled dot products of query and key.

    `α_h = softmax(q_h · k_h / √(d / H) + bias_h)`,
    `context = W_o [drop(α_1) v_1; …; drop(α_H) v_H] + b_o`.

    Keys and values are projected once with `project` and serve all queries.
    A bias of the keys would move all scores of a query alike, which the
    softmax cancels, and so is left out.

    The steps are open to callers whose queries stand in another order than
    their attention needs; the whole is
    `project_output(attend(project_queries(query), …))`.

    Args:
        units: int, width d of queries, keys, values and context.
        heads: int, H; divides d.
        dropout: float, share of the weights dropped in training.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        query: float tensor (B, Q, D).
        keys, values: float tensors (B, H, K, d / H) from `project(source)`.
        attention_mask: boolean tensor that broadcasts to (B, Q, K), True =
            keep; None keeps all.
        bias: float tensor (B, H, Q, K) added to the scores, or None.
        training: bool.

    Returns:
        Context (B, Q, d) and weights (B, Q, K, H), before dropout; each
        head's sum to one over K.

    Example:
        >>> attention = MultiHeadAttention(512, heads=8)
        >>> context, weights = attention(query, *attention.project(source))

    Reference:
        Vaswani et al., 2017, "Attention is all you need", section 3.2;
        Herdade et al., 2019, "Image captioning: transforming objects into
        words", equation 8, for the bias.
    """

    def __init__(self, units, heads=8, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if units % heads:
            raise ValueError(f"{heads} heads do not divide a width of {units}")
        self.units = units
        self.heads = heads
        self.dropout = dropout
        policy = self.dtype_policy
        self.query = RowDense(units, dtype=policy, name="query")
        self.key = RowDense(units, use_bias=False, dtype=policy, name="key")
        self.value = RowDense(units, dtype=policy, name="value")
        self.outer = RowDense(units, dtype=policy, name="outer")
        self.split = SplitHeads(heads, dtype=policy, name="split")
        self.drop = keras.layers.Dropout(dropout, dtype=policy, name="drop")

    def build(self, query_shape):
        source_shape = (None, None, self.units)
        self.query.build(query_shape)
        for dense in (self.key, self.value):
            if not dense.built:  # project() may have come first
                dense.build(source_shape)
        self.outer.build((None, None, self.units))
        self.built = True

    def project(self, source):
        """Projects a source (B, K, d) to keys and values (B, H, K, d / H)."""
        return self.split(self.key(source)), self.split(self.value(source))

    def call(
        self, query, keys, values, attention_mask=None, bias=None, training=None
    ):
        context, weights = self.attend(
            self.project_queries(query),
            keys,
            values,
            attention_mask,
            bias,
            training,
        )
        return self.project_output(context), weights

    def project_queries(self, states):
        """Projects states (…, D) to queries: a tuple of one (…, d)."""
        return (self.query(states),)

    def attend(
        self,
        queries,
        keys,
        values,
        attention_mask=None,
        bias=None,
        training=None,
    ):
        """Weighted means of values (B, Q, d) and weights (B, Q, K, H)."""
        (query,) = queries
        query = split_heads(query, self.heads)  # (B, H, Q, d / H)
        query = query * (self.units // self.heads) ** -0.5
        scores = ops.einsum("bhqd,bhkd->bhqk", query, keys)
        if bias is not None:
            scores = scores + ops.cast(bias, scores.dtype)
        if attention_mask is not None:
            attention_mask = attention_mask[:, None]  # (B, 1, Q, K)
        weights = masked_softmax(scores, attention_mask)
        dropped = self.drop(weights, training=training)
        context = ops.transpose(ops.matmul(dropped, values), (0, 2, 1, 3))
        batch, count = ops.shape(context)[:2]
        context = ops.reshape(context, (batch, count, self.units))
        return context, ops.transpose(weights, (0, 2, 3, 1))

    def project_output(self, context):
        """Output projection: context (…, d) of means of values (…, d)."""
        return self.outer(context)

    def compute_output_spec(
        self, query, keys, values, attention_mask=None, bias=None, training=None
    ):
        batch, count = query.shape[:2]
        weights = (batch, count, keys.shape[2], self.heads)
        return tuple(
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in ((batch, count, self.units), weights)
        )

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, heads=self.heads, dropout=self.dropout)
        return config

"""X-linear attention: bilinear in query and key, with a channel gate."""

import keras
from keras import ops

from imcap.layers.dense import RowDense
from imcap.layers.kernels.x_linear_score import x_linear_score
from imcap.layers.masking import masked_softmax


@keras.saving.register_keras_serializable(package="imcap")
class BilinearDense(keras.layers.Layer):
    """Projection of x-linear attention: `norm(celu(W x + b))`.

    The norm is over the channels of each position (one group).

    Args:
        units: int, d.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor (…, D).

    Returns:
        Float tensor (…, d).

    Example:
        >>> BilinearDense(512)(states)
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        policy = self.dtype_policy
        self.dense = RowDense(
            units, activation="celu", dtype=policy, name="dense"
        )
        self.norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=policy, name="norm"
        )

    def build(self, inputs_shape):
        self.dense.build(inputs_shape)
        self.norm.build((*inputs_shape[:-1], self.units))
        self.built = True

    def call(self, inputs):
        return self.norm(self.dense(inputs))

    def compute_output_spec(self, inputs):
        shape = (*inputs.shape[:-1], self.units)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable(package="imcap")
class XLinearAttention(keras.layers.Layer):
    """X-linear attention: bilinear scores, spatial and channel-wise.

    With `q_1, k, q_2, v` projected by four `BilinearDense`,
    `m_k = drop(relu(W_e (q_1 ∘ k) + b_e))`, `α = softmax_k(w_s · m_k)`,
    `γ = σ(W_c mean_k(m_k) + b_c)`, `context = γ ∘ q_2 ∘ Σ_k α_k v_k`.

    The published form weighs pairwise values `q_2 ∘ v_k`; q_2 does not
    depend on k and comes out of the sum, so these (B, Q, K, d) values are
    never made. Of m only parts are held; see `x_linear_score`. A bias of the
    score is left out, for the softmax cancels it. One head, and no output
    projection.

    Args:
        units: int, width d; the pairwise layer has d // 2.
        dropout: float, share of the pairwise layer dropped in training.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        query: float tensor (B, Q, D).
        keys, values: float tensors (B, K, d) from `project(source)`.
        attention_mask: boolean tensor (B, 1, K), True = keep; None keeps all.
        training: bool.

    Returns:
        Context (B, Q, d) and weights (B, Q, K), which sum to one over K.

    Example:
        >>> attention = XLinearAttention(512)
        >>> context, weights = attention(query, *attention.project(source))

    Reference:
        Pan, Yao, Li and Mei, 2020, "X-linear attention networks for image
        captioning", equations 1 to 7.
    """

    def __init__(self, units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if units < 2:
            raise ValueError(f"units must be at least 2, got {units}")
        self.units = units
        self.dropout = dropout
        policy = self.dtype_policy
        self.query = BilinearDense(units, dtype=policy, name="query")
        self.key = BilinearDense(units, dtype=policy, name="key")
        self.second = BilinearDense(units, dtype=policy, name="second")
        self.value = BilinearDense(units, dtype=policy, name="value")
        self.gate = RowDense(
            units, activation="sigmoid", dtype=policy, name="gate"
        )
        self.seeds = keras.random.SeedGenerator()

    def build(self, query_shape):
        source_shape = (None, None, self.units)
        self.query.build(query_shape)
        self.second.build(query_shape)
        for dense in (self.key, self.value):
            if not dense.built:  # project() may have come first
                dense.build(source_shape)
        inner = self.units // 2
        self.pair_kernel = self.add_weight(
            shape=(self.units, inner),
            initializer="glorot_uniform",
            name="pair_kernel",
        )
        self.pair_bias = self.add_weight(
            shape=(inner,), initializer="zeros", name="pair_bias"
        )
        self.score_kernel = self.add_weight(
            shape=(inner, 1), initializer="glorot_uniform", name="score_kernel"
        )
        self.gate.build((None, None, inner))
        self.built = True

    def project(self, source):
        """Projects a source (B, K, d) to keys and values (B, K, d)."""
        return self.key(source), self.value(source)

    def call(self, query, keys, values, attention_mask=None, training=None):
        context, weights = self.attend(
            self.project_queries(query),
            keys,
            values,
            attention_mask,
            training=training,
        )
        return self.project_output(context), weights

    def project_queries(self, states):
        """Projects states (…, D) to queries q_1 and q_2, each (…, d)."""
        return self.query(states), self.second(states)

    def attend(self, queries, keys, values, attention_mask=None, training=None):
        """Attends to keys: context (B, Q, d) and weights (B, Q, K)."""
        query, second = queries
        noise = self._noise(query, keys) if training and self.dropout else ()
        # Steps of decoding come here past `__call__`, which would cast.
        kernel, bias, weight = (
            ops.cast(part, query.dtype)
            for part in (self.pair_kernel, self.pair_bias, self.score_kernel)
        )
        scores, means = x_linear_score(
            query,
            keys,
            _shares(keys, attention_mask),
            kernel,
            bias,
            weight,
            noise,
            self.dropout,
        )
        weights = masked_softmax(scores, attention_mask)  # (B, Q, K)
        return self.gate(means) * second * ops.matmul(weights, values), weights

    def _noise(self, query, keys):
        """Numbers of queries and of keys that decide what is dropped."""
        inner = self.units // 2
        return tuple(
            keras.random.uniform(
                (*ops.shape(part)[:2], inner), dtype="float32", seed=self.seeds
            )
            for part in (query, keys)
        )

    def project_output(self, context):
        """Output projection, of which there is none: the context as it is."""
        return context

    def compute_output_spec(
        self, query, keys, values, attention_mask=None, training=None
    ):
        batch, count = query.shape[:2]
        shapes = ((batch, count, self.units), (batch, count, keys.shape[1]))
        return tuple(
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in shapes
        )

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, dropout=self.dropout)
        return config


def _shares(keys, attention_mask):
    """Each key's part (B, K) in a mean over those that the mask keeps."""
    ones = ops.ones_like(keys[..., 0], dtype="float32")
    if attention_mask is not None:
        ones = ops.where(attention_mask[:, 0], ones, 0.0)
    total = ops.maximum(ops.sum(ones, axis=1, keepdims=True), 1.0)
    return ops.cast(ones / total, keys.dtype)

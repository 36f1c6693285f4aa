"""The LSTM of Att2in: the picture reaches the candidate alone."""

import keras
from keras import ops

from imcap.layers.attention.additive_attention import AdditiveAttention
from imcap.layers.dense import RowDense, row_product
from imcap.layers.initializers import OrthogonalBlocks
from imcap.layers.kernels.loops import unroll
from imcap.layers.masking import expand_mask, masked_softmax


@keras.saving.register_keras_serializable(package="imcap")
class AttendedInputLSTM(keras.layers.Layer):
    """LSTM with attention into its candidate alone, through a maxout.

    `α = softmax(w · tanh(W_v v + b + W_h h_{t−1}))`, `z = Σ_k α_k v_k`,
    `i, f, o = σ(W x + R h + b)`, `c̃ = max` of two halves of
    `W x + R h + W_z z + b`, `c' = f∘c + i∘c̃`, `h' = o∘tanh(c')`.

    Args:
        units: int, U.
        attention_units: int, A, width of the score's hidden layer.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        words: float tensor (B, N, T, E).
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        Hidden states (B, N, T, U) and weights (B, N, T, K).

    Example:
        >>> hidden, weights = AttendedInputLSTM(512, 512)(words, values)

    Reference:
        Rennie et al., 2017, "Self-critical sequence training for image
        captioning", equations 11 and 12 (Att2in).
    """

    def __init__(self, units, attention_units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.attention_units = attention_units
        policy = self.dtype_policy
        self.word_dense = RowDense(5 * units, dtype=policy, name="word_gates")
        self.value_dense = RowDense(2 * units, dtype=policy, name="value_gates")
        self.attention = AdditiveAttention(
            attention_units, dtype=policy, name="attention"
        )

    def build(self, words_shape, values_shape):
        self.attention.build((None, None, self.units), values_shape)
        self.word_dense.build(words_shape)
        if not self.value_dense.built:  # project() may have come first
            self.value_dense.build(values_shape)
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 5 * self.units),
            initializer=OrthogonalBlocks(5),
            name="recurrent_kernel",
        )
        self.built = True

    def project(self, values):
        """Keys (B, K, A) and gate inputs (B, K, 2U) of values (B, K, D)."""
        return self.attention.project(values), self.value_dense(values)

    def step(self, gates, state, keys, value_gates, mask=None):
        """One step of the LSTM with attended input: one word.

        Args:
            gates: float tensor (B, N, 5U), what `word_dense` makes of it.
            state: h and c, (B, N, U) each.
            keys, value_gates: from `project`.
            mask: boolean tensor (B, K) or None.

        Returns:
            h (B, N, U) and weights (B, N, K), and the new state.
        """
        hidden, carry = state
        scores = self.attention.score(hidden, keys, parts=1)  # (B, N, K)
        weights = masked_softmax(scores, expand_mask(mask))
        kernel = ops.cast(self.recurrent_kernel, gates.dtype)
        gates = gates + row_product(hidden, kernel)
        units = self.units
        squashed = ops.sigmoid(gates[..., : 3 * units])
        i, f, o = ops.split(squashed, 3, axis=-1)
        halves = gates[..., 3 * units :] + ops.matmul(weights, value_gates)
        candidate = ops.maximum(halves[..., :units], halves[..., units:])
        carry = f * carry + i * candidate
        hidden = o * ops.tanh(carry)
        return (hidden, weights), (hidden, carry)

    def call(self, words, values, location_mask=None):
        keys, value_gates = self.project(values)
        gates = self.word_dense(words)  # (B, N, T, 5U)
        zeros = ops.zeros_like(gates[:, :, 0, : self.units])

        def step(gates, state):
            return self.step(gates, state, keys, value_gates, location_mask)

        return unroll(step, gates, (zeros, zeros))

    def compute_output_spec(self, words, values, location_mask=None):
        shape = words.shape[:3]
        return tuple(
            keras.KerasTensor((*shape, size), dtype=self.compute_dtype)
            for size in (self.units, values.shape[1])
        )

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, attention_units=self.attention_units)
        return config

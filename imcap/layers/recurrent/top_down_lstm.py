"""The two LSTMs of Up-Down, with attention between them."""

import keras
from keras import ops

from imcap.layers.attention.additive_attention import AdditiveAttention
from imcap.layers.dense import RowDense
from imcap.layers.initializers import OrthogonalBlocks
from imcap.layers.kernels.top_down_recurrence import run_top_down
from imcap.layers.masking import expand_mask, masked_softmax
from imcap.layers.recurrent.lstm import lstm_step


@keras.saving.register_keras_serializable(package="imcap")
class TopDownLSTM(keras.layers.Layer):
    """Top-down attention LSTM and language LSTM, as one recurrence.

    The first decides where to look, the second what to say:

    `h¹_t = LSTM([h²_{t−1}; v̄; E w_{t−1}], h¹_{t−1})`,
    `α = softmax(w · tanh(W_v v + b + W_h h¹_t))`,
    `h²_t = LSTM([Σ_k α_k v_k; h¹_t], h²_{t−1})`.

    What values add to the gates is projected once per image.

    Args:
        units: int, U of both LSTMs.
        attention_units: int, A, width of the score's hidden layer.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        words: float tensor (B, N, T, E).
        image: float tensor (B, D), v̄.
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        h² (B, N, T, U) and weights (B, N, T, K).

    Example:
        >>> hidden, weights = TopDownLSTM(512, 512)(words, mean, values)

    Reference:
        Anderson et al., 2018, "Bottom-up and top-down attention for image
        captioning and visual question answering", section 3.2.
    """

    def __init__(self, units, attention_units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.attention_units = attention_units

        def dense(name, bias=False):
            return RowDense(
                4 * units, use_bias=bias, dtype=self.dtype_policy, name=name
            )

        self.word_dense = dense("word_gates", bias=True)
        self.image_dense = dense("image_gates")
        self.language_dense = dense("language_gates")
        self.value_dense = dense("value_gates", bias=True)
        self.attended_dense = dense("attended_gates")
        self.attention = AdditiveAttention(
            attention_units, dtype=self.dtype_policy, name="attention"
        )

    def build(self, words_shape, image_shape, values_shape=None):
        hidden = (None, None, self.units)
        self.attention.build(hidden, values_shape)
        for dense, shape in (
            (self.word_dense, words_shape),
            (self.image_dense, image_shape),
            (self.language_dense, hidden),
            (self.attended_dense, hidden),
            (self.value_dense, values_shape),
        ):
            if not dense.built:  # project() may have come first
                dense.build(shape)
        self.kernels = [
            self.add_weight(
                shape=(self.units, 4 * self.units),
                initializer=OrthogonalBlocks(4),
                name=name,
            )
            for name in ("attention_recurrent", "language_recurrent")
        ]
        self.built = True

    def project(self, values):
        """Keys (B, K, A) and gate inputs (B, K, 4U) of values (B, K, D)."""
        return self.attention.project(values), self.value_dense(values)

    def step(self, gates, state, keys, value_gates, mask=None):
        """One step of both LSTMs and of the attention between: one word.

        Args:
            gates: float tensor (B, N, 4U), of word and image.
            state: h¹, c¹, h² and c², (B, N, U) each.
            keys, value_gates: from `project`.
            mask: boolean tensor (B, K) or None.

        Returns:
            h² (B, N, U) and weights (B, N, K), and the new state.
        """
        first, second = state[:2], state[2:]
        gates = gates + self.language_dense(second[0])
        first = lstm_step(gates, first, self.kernels[0])
        scores = self.attention.score(first[0], keys, parts=1)  # (B, N, K)
        weights = masked_softmax(scores, expand_mask(mask))
        gates = ops.matmul(weights, value_gates)  # (B, N, 4U)
        gates = gates + self.attended_dense(first[0])
        second = lstm_step(gates, second, self.kernels[1])
        return (second[0], weights), (*first, *second)

    def call(self, words, image, values, location_mask=None):
        keys, value_gates = self.project(values)
        gates = self.word_dense(words)  # (B, N, T, 4U)
        gates = gates + self.image_dense(image)[:, None, None]
        kernels = [
            self.kernels[0],
            self.language_dense.kernel,
            self.attention.query_dense.kernel,
            self.attention.score_dense.kernel,
            self.attended_dense.kernel,
            self.kernels[1],
        ]
        # The written-out gradient wants tensors, not the variables.
        kernels = [
            ops.cast(ops.reshape(kernel, kernel.shape), gates.dtype)
            for kernel in kernels
        ]
        return run_top_down(gates, keys, value_gates, kernels, location_mask)

    def compute_output_spec(self, words, image, values, location_mask=None):
        shape = words.shape[:3]
        return tuple(
            keras.KerasTensor((*shape, size), dtype=self.compute_dtype)
            for size in (self.units, values.shape[1])
        )

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, attention_units=self.attention_units)
        return config

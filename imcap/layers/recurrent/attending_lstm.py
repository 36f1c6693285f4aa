"""The LSTM of Show, Attend and Tell: soft or hard attention at each step."""

import keras
from keras import ops

from imcap.layers.attention.additive_attention import AdditiveAttention
from imcap.layers.dense import RowDense
from imcap.layers.initializers import OrthogonalBlocks
from imcap.layers.kernels.loops import unroll
from imcap.layers.masking import expand_mask, masked_softmax
from imcap.layers.recurrent.lstm import lstm_step, spread_state


@keras.saving.register_keras_serializable(package="imcap")
class AttendingLSTM(keras.layers.Layer):
    """LSTM that reads, with each word, the context of its last state.

    `α = softmax(w · f(W_a v + b + W_h h_{t−1}))`, `z = Σ_k α_k v_k`,
    `β = σ(w_β · h_{t−1} + b)`, `h_t = LSTM([E w_{t−1}; β z], h_{t−1})`.

    What values add to the gates is linear in them, so it is projected once
    per image and weighted afterwards; z itself is not formed.

    Args:
        units: int, U of the LSTM.
        attention_units: int, width of the score's hidden layer.
        activation: name of f: "tanh" (the paper) or "relu".
        use_selector: bool, whether the gate β exists.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        words: float tensor (B, N, T, E).
        values: float tensor (B, K, D).
        start: float tensor (B, 2U), h and c before the first word.
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        draws: float tensor (B, N, T, 2) of uniform numbers in [0, 1), for
            hard attention: the first draws a location, the second, below
            one half, says that it is used. None looks softly.

    Returns:
        Dict of hidden (B, N, T, U), weights (B, N, T, K) as they were used,
        soft (B, N, T, K), the probabilities they were drawn from, and, with
        the selector, gate (B, N, T).

    Example:
        >>> outputs = AttendingLSTM(512, 512)(words, values, start)

    Reference:
        Xu et al., 2015, "Show, attend and tell", equations 1 to 6; section
        4.2.1 for β.
    """

    def __init__(
        self,
        units,
        attention_units,
        activation="tanh",
        use_selector=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.attention_units = attention_units
        self.activation = activation
        self.use_selector = use_selector
        policy = self.dtype_policy
        self.word_dense = RowDense(4 * units, dtype=policy, name="word_gates")
        self.value_dense = RowDense(
            4 * units, use_bias=False, dtype=policy, name="value_gates"
        )
        self.attention = AdditiveAttention(
            attention_units, activation, dtype=policy, name="attention"
        )
        self.selector = None
        if use_selector:
            self.selector = RowDense(
                1, activation="sigmoid", dtype=policy, name="selector"
            )

    def build(self, words_shape, values_shape, start_shape=None):
        state = (None, None, self.units)
        self.attention.build(state, values_shape)
        if self.selector is not None:
            self.selector.build(state)
        self.word_dense.build(words_shape)
        if not self.value_dense.built:  # project() may have come first
            self.value_dense.build(values_shape)
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 4 * self.units),
            initializer=OrthogonalBlocks(4),
            name="recurrent_kernel",
        )
        self.built = True

    def project(self, values):
        """Keys (B, K, A) and gate inputs (B, K, 4U) of values (B, K, D)."""
        return self.attention.project(values), self.value_dense(values)

    def step(self, gates, state, keys, value_gates, mask=None, draws=None):
        """One step of the attending LSTM: gate inputs (B, N, 4U), and h and c.

        Args:
            gates: what `word_dense` makes of the word.
            state: h and c, (B, N, U) each.
            keys, value_gates: from `project`.
            mask: boolean tensor (B, K) or None.
            draws: float tensor (B, N, 2) or None.

        Returns:
            Dict as `call` returns, without T, and the new state.
        """
        hidden, _ = state
        scores = self.attention.score(hidden, keys, parts=1)  # (B, N, K)
        soft = masked_softmax(scores, expand_mask(mask))
        weights = soft
        if draws is not None:
            drawn = draw_location(soft, draws[..., 0])
            weights = ops.where(draws[..., 1:] < 0.5, drawn, soft)
        attention = {"weights": weights, "soft": soft}
        context = ops.matmul(weights, value_gates)  # (B, N, 4U)
        if self.selector is not None:
            gate = self.selector(hidden)  # (B, N, 1)
            context = gate * context
            attention["gate"] = gate[..., 0]
        state = lstm_step(gates + context, state, self.recurrent_kernel)
        return {"hidden": state[0], **attention}, state

    def call(self, words, values, start, location_mask=None, draws=None):
        keys, value_gates = self.project(values)
        gates = self.word_dense(words)  # (B, N, T, 4U)

        def step(now, state):
            gates, draws = now if len(now) == 2 else (*now, None)
            return self.step(
                gates, state, keys, value_gates, location_mask, draws
            )

        sequences = (gates,) if draws is None else (gates, draws)
        state = spread_state(start, ops.shape(words)[1])
        return unroll(step, sequences, state)

    def compute_output_spec(
        self, words, values, start, location_mask=None, draws=None
    ):
        shape, locations = words.shape[:3], values.shape[1]
        shapes = {
            "hidden": (*shape, self.units),
            "weights": (*shape, locations),
            "soft": (*shape, locations),
        }
        if self.use_selector:
            shapes["gate"] = shape
        return {
            name: keras.KerasTensor(size, dtype=self.compute_dtype)
            for name, size in shapes.items()
        }

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            attention_units=self.attention_units,
            activation=self.activation,
            use_selector=self.use_selector,
        )
        return config


def draw_location(weights, uniforms):
    """Hard attention: one-hot weights drawn by inverse transform.

    No gradient passes: the location is a choice, not a number.

    Args:
        weights: float tensor (…, K) that sums to one over K.
        uniforms: float tensor (…) in [0, 1), drawn beforehand.

    Returns:
        Tensor (…, K) of zeros and, in each row, one 1, in the dtype of
        `weights`. A row of zeros stays one.

    Example:
        >>> draw_location(ops.array([[0.5, 0.5]]), ops.array([0.7]))
        [[0., 1.]]
    """
    sums = ops.cumsum(ops.cast(weights, "float32"), axis=-1)
    total = sums[..., -1:]
    # Scaled by the last sum, which rounding keeps from being exactly one,
    # and kept below it, as a number close to one could reach it.
    target = ops.cast(uniforms, "float32")[..., None] * total
    passed = ops.logical_and(sums <= target, sums < total)
    place = ops.sum(ops.cast(passed, "int32"), axis=-1)  # (…)
    drawn = ops.cast(ops.one_hot(place, ops.shape(sums)[-1]), weights.dtype)
    return ops.stop_gradient(drawn * ops.cast(total > 0, weights.dtype))


@keras.saving.register_keras_serializable(package="imcap")
class Draws(keras.layers.Layer):
    """Random numbers of hard attention: uniform in training, else ones.

    They are drawn before the recurrence, whose loop may be compiled.

    Call arguments:
        tokens: int tensor (B, N, T).
        training: bool.

    Returns:
        Float32 tensor (B, N, T, 2) in [0, 1), for `AttendingLSTM`; ones,
        which leave attention soft, outside training.

    Example:
        >>> draws = Draws()(tokens, training=True)
    """

    def __init__(self, seed=1337, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, tokens, training=False):
        shape = (*ops.shape(tokens), 2)
        if not training:
            return ops.ones(shape, "float32")
        return keras.random.uniform(shape, seed=self.seed_generator)

    def compute_output_spec(self, tokens, training=False):
        return keras.KerasTensor((*tokens.shape, 2), dtype="float32")

    def get_config(self):
        config = super().get_config()
        config.update(seed=self.seed)
        return config

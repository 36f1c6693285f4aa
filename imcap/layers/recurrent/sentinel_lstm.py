"""LSTM with a visual sentinel: one step, and a whole sequence at once."""

import keras
from keras import ops

from imcap.layers.dense import row_product
from imcap.layers.initializers import OrthogonalBlocks
from imcap.layers.kernels.lstm_recurrence import run_recurrence


@keras.saving.register_keras_serializable(package="imcap")
class SentinelLSTMCell(keras.layers.Layer):
    """LSTM cell with a visual sentinel: what it knows without looking.

    `i, f, o, g = σ(W x + R h + b)`, `c̃ = tanh(·)`, `c' = f∘c + i∘c̃`,
    `h' = o∘tanh(c')`, sentinel `s = g∘tanh(c')`.

    Args:
        units: int, width U.
        sgate: bool, whether the fifth gate g and the sentinel exist; without
            it the cell is a plain LSTM and the sentinel it returns is None.
        recurrent_activation: "sigmoid" (the paper) or "hard_sigmoid"
            (`clip(.2 x + .5, 0, 1)`, the Keras 1 code).
        forget_bias: float, initial bias of the forget gate.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor (B, N, D) or, given `projected=True`, what
            `project` made of it, (B, N, 5U) (4U without sgate).
        states: tuple of h and c, each (B, N, U).

    Returns:
        `((h, sentinel), (h, c))`, each (B, N, U).

    Example:
        >>> cell = SentinelLSTMCell(512)
        >>> (hidden, sentinel), states = cell(x, (h, c))

    Reference:
        Lu, Xiong, Parikh and Socher, 2017, "Knowing when to look",
        equations 9 and 10.
    """

    def __init__(
        self,
        units,
        sgate=True,
        recurrent_activation="sigmoid",
        forget_bias=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if recurrent_activation not in ("sigmoid", "hard_sigmoid"):
            raise ValueError(
                "recurrent_activation must be 'sigmoid' or 'hard_sigmoid', "
                f"got {recurrent_activation!r}"
            )
        self.units = units
        self.sgate = sgate
        self.recurrent_activation = recurrent_activation
        self.forget_bias = forget_bias
        self.gates = 5 if sgate else 4

    def build(self, inputs_shape, states_shape=None):
        width = self.gates * self.units
        self.kernel = self.add_weight(
            shape=(inputs_shape[-1], width),
            initializer="glorot_uniform",
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width),
            initializer=OrthogonalBlocks(self.gates),
            name="recurrent_kernel",
        )
        self.bias = self.add_weight(
            shape=(width,), initializer=self._initial_bias, name="bias"
        )
        self.built = True

    def project(self, inputs):
        """What inputs add to the gates, bias included: (…, 5U)."""
        return row_product(inputs, self.kernel) + self.bias

    def call(self, inputs, states, projected=False):
        hidden, carry = states
        gates = inputs if projected else self.project(inputs)
        batch, count = ops.shape(gates)[0], ops.shape(gates)[1]
        rows = ops.reshape(gates, (-1, 1, self.gates * self.units))
        hidden, carry, sentinel = self.run(
            rows,
            ops.reshape(hidden, (-1, self.units)),
            ops.reshape(carry, (-1, self.units)),
        )
        shape = (batch, count, self.units)
        hidden = ops.reshape(hidden, shape)
        carry = ops.reshape(carry, shape)
        if sentinel is not None:
            sentinel = ops.reshape(sentinel, shape)
        return (hidden, sentinel), (hidden, carry)

    def run(self, gates, hidden, carry):
        """Runs T steps over rows: gates (M, T, 5U), states (M, U).

        Returns:
            Hidden states, carries and sentinels (None without sgate), each
            (M, T, U).
        """
        # The written-out gradient wants a tensor, not the variable itself.
        kernel = ops.reshape(self.recurrent_kernel, self.recurrent_kernel.shape)
        return run_recurrence(
            gates,
            kernel,
            hidden,
            carry,
            sgate=self.sgate,
            hard=self.recurrent_activation == "hard_sigmoid",
        )

    def _initial_bias(self, shape, dtype=None):
        # Order of the gates: input, forget, output, [sentinel,] candidate.
        forget = ops.full((self.units,), self.forget_bias, dtype)
        rest = ops.zeros(((self.gates - 2) * self.units,), dtype)
        return ops.concatenate([ops.zeros_like(forget), forget, rest])

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            sgate=self.sgate,
            recurrent_activation=self.recurrent_activation,
            forget_bias=self.forget_bias,
        )
        return config


@keras.saving.register_keras_serializable(package="imcap")
class SentinelLSTM(keras.layers.Layer):
    """`SentinelLSTMCell` over the words of a caption, from a zero state.

    Args:
        cell: the `SentinelLSTMCell`, shared with single steps.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        words: float tensor (B, N, T, D): what differs from word to word.
        image: float tensor (B, E): what each word of an image is given too,
            projected once and not repeated; None for nothing. The cell's
            kernel covers [image; word], E + D wide.

    Returns:
        Hidden states and sentinels, (B, N, T, U); without sgate only the
        hidden states.

    Example:
        >>> lstm = SentinelLSTM(SentinelLSTMCell(512))
        >>> hidden, sentinel = lstm(words, image)
    """

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell

    def build(self, words_shape, image_shape=None):
        width = words_shape[-1] + (image_shape[-1] if image_shape else 0)
        if not self.cell.built:  # read back from a config, it may be
            self.cell.build((None, width))
        self.built = True

    def project(self, words, image=None):
        """Gate inputs (B, N, …, 5U) of words (B, N, …, D) and image (B, E)."""
        if image is None:
            return self.cell.project(words)
        width = image.shape[-1]
        # Split, not sliced: its gradient joins two parts instead of adding
        # two padded ones.
        of_image, of_word = ops.split(self.cell.kernel, [width], axis=0)
        image = ops.matmul(image, of_image) + self.cell.bias  # (B, 5U)
        for _ in range(len(words.shape) - 2):
            image = ops.expand_dims(image, 1)
        return row_product(words, of_word) + image

    def call(self, words, image=None):
        gates = self.project(words, image)  # (B, N, T, 5U)
        batch, count, steps = ops.shape(gates)[:3]
        rows = ops.reshape(
            gates, (-1, steps, self.cell.gates * self.cell.units)
        )
        zeros = ops.zeros_like(rows[:, 0, : self.cell.units])
        hidden, _, sentinel = self.cell.run(rows, zeros, zeros)
        shape = (batch, count, steps, self.cell.units)
        hidden = ops.reshape(hidden, shape)
        if sentinel is None:
            return hidden
        return hidden, ops.reshape(sentinel, shape)

    def compute_output_spec(self, words, image=None):
        shape = (*words.shape[:3], self.cell.units)
        hidden = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not self.cell.sgate:
            return hidden
        return hidden, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(cell=keras.saving.serialize_keras_object(self.cell))
        return config

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config.pop("cell"))
        return cls(cell, **config)

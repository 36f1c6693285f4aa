"""The transformer's feed-forward part: two dense layers."""

import keras

from imcap.layers.dense import RowDense

ACTIVATIONS = {"RELU": "relu", "GELU": "gelu"}


@keras.saving.register_keras_serializable(package="imcap")
class FeedForward(keras.layers.Layer):
    """Feed-forward: `W_2 drop(f(W_1 x + b_1)) + b_2`, at each position.

    Args:
        ff_size: int, width of the hidden layer.
        units: int, width d of what comes out.
        ff_activation: "RELU" or "GELU" (the exact one).
        dropout: float, share of the hidden layer dropped in training.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor (…, D).
        training: bool.

    Returns:
        Float tensor (…, d).

    Example:
        >>> FeedForward(2048, 512)(states)

    Reference:
        Vaswani et al., 2017, "Attention is all you need", equation 2.
    """

    def __init__(
        self, ff_size, units, ff_activation="RELU", dropout=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        if ff_activation not in ACTIVATIONS:
            raise ValueError(
                f"ff_activation must be 'RELU' or 'GELU', got {ff_activation!r}"
            )
        self.ff_size = ff_size
        self.units = units
        self.ff_activation = ff_activation
        self.dropout = dropout
        policy = self.dtype_policy
        self.hidden = RowDense(
            ff_size,
            activation=ACTIVATIONS[ff_activation],
            dtype=policy,
            name="hidden",
        )
        self.drop = keras.layers.Dropout(dropout, dtype=policy, name="drop")
        self.outer = RowDense(units, dtype=policy, name="outer")

    def build(self, inputs_shape):
        self.hidden.build(inputs_shape)
        self.outer.build((*inputs_shape[:-1], self.ff_size))
        self.built = True

    def call(self, inputs, training=None):
        hidden = self.drop(self.hidden(inputs), training=training)
        return self.outer(hidden)

    def compute_output_spec(self, inputs, training=None):
        shape = (*inputs.shape[:-1], self.units)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            ff_size=self.ff_size,
            units=self.units,
            ff_activation=self.ff_activation,
            dropout=self.dropout,
        )
        return config

"""The pre-norm transformer block: what encoder and decoder blocks share."""

import keras

from imcap.layers.attention.multi_head_attention import MultiHeadAttention
from imcap.layers.transformer.feed_forward import FeedForward
from imcap.layers.transformer.normalization import transformer_normalization


class TransformerBlock(keras.layers.Layer):
    """Pre-norm block: each part f adds `drop(f(norm x))` to its input x.

    A subclass makes its parts, in the order in which its weights are to
    stand, by `_make_attention`, `_make_feed_forward` and `_make_norms`.

    Args:
        units: int, width d.
        ff_size: int, width of the feed-forward's hidden layer.
        heads: int, H.
        dropout: float, share dropped in training of attention's weights, of
            the hidden layer and of what each part adds.
        norm: see `transformer_normalization`.
        ff_activation: "RELU" or "GELU".
        **kwargs: see `keras.layers.Layer`.
    """

    def __init__(
        self,
        units,
        ff_size,
        heads=8,
        dropout=0.0,
        norm="layer",
        ff_activation="RELU",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.ff_size = ff_size
        self.heads = heads
        self.dropout = dropout
        self.norm = norm
        self.ff_activation = ff_activation

    def _make_attention(self, name="attention"):
        return MultiHeadAttention(
            self.units,
            self.heads,
            self.dropout,
            dtype=self.dtype_policy,
            name=name,
        )

    def _make_feed_forward(self):
        return FeedForward(
            self.ff_size,
            self.units,
            self.ff_activation,
            self.dropout,
            dtype=self.dtype_policy,
            name="forward",
        )

    def _make_norms(self, count):
        """A norm before each of `count` parts, and what is dropped after."""
        self.norms = [
            transformer_normalization(
                self.norm, dtype=self.dtype_policy, name=f"norm_{number}"
            )
            for number in range(count)
        ]
        self.drop = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="drop"
        )

    def _add(self, states, more, training):
        return states + self.drop(more, training=training)

    def _add_feed_forward(self, states, training):
        """The block's last part."""
        more = self.feed_forward(self.norms[-1](states), training=training)
        return self._add(states, more, training)

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            ff_size=self.ff_size,
            heads=self.heads,
            dropout=self.dropout,
            norm=self.norm,
            ff_activation=self.ff_activation,
        )
        return config

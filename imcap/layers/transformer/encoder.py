"""The transformer over the locations of a picture."""

import keras

from imcap.layers.attention.geometric_attention import GEOMETRY, GeometricBias
from imcap.layers.attention.multi_head_attention import MultiHeadAttention
from imcap.layers.transformer.feed_forward import FeedForward
from imcap.layers.transformer.normalization import transformer_normalization


@keras.saving.register_keras_serializable(package="imcap")
class EncoderBlock(keras.layers.Layer):
    """One pre-norm block: `x + drop(SA(norm x))`, `x + drop(FF(norm x))`.

    Args:
        units: int, width d.
        ff_size: int, width of the feed-forward's hidden layer.
        heads: int, H.
        dropout: float, share dropped in training of attention's weights, of
            the hidden layer and of what each half adds.
        norm: see `transformer_normalization`.
        ff_activation: "RELU" or "GELU".
        geometry: bool, whether boxes bias attention; see `GeometricBias`.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        states: float tensor (B, K, d).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        geometry: float tensor (B, K, K, 64) of `RelativeGeometry`, or None.
        training: bool.

    Returns:
        Float tensor (B, K, d).

    Example:
        >>> EncoderBlock(512, 2048)(states, mask)

    Reference:
        Vaswani et al., 2017, "Attention is all you need", section 3.1, with
        the norm before each half; Herdade et al., 2019, for geometry.
    """

    def __init__(
        self,
        units,
        ff_size,
        heads=8,
        dropout=0.0,
        norm="layer",
        ff_activation="RELU",
        geometry=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.ff_size = ff_size
        self.heads = heads
        self.dropout = dropout
        self.norm = norm
        self.ff_activation = ff_activation
        self.geometry = geometry
        policy = self.dtype_policy
        self.attention = MultiHeadAttention(
            units, heads, dropout, dtype=policy, name="attention"
        )
        self.feed_forward = FeedForward(
            ff_size, units, ff_activation, dropout, dtype=policy, name="forward"
        )
        self.bias = GeometricBias(heads, dtype=policy) if geometry else None
        self.norms = [
            transformer_normalization(norm, dtype=policy, name=f"norm_{number}")
            for number in range(2)
        ]
        self.drop = keras.layers.Dropout(dropout, dtype=policy, name="drop")

    def build(self, states_shape):
        for layer in (self.attention, self.feed_forward, *self.norms):
            layer.build(states_shape)
        if self.geometry:
            self.bias.build((None, None, None, GEOMETRY))
        self.built = True

    def call(self, states, location_mask=None, geometry=None, training=None):
        mask = None if location_mask is None else location_mask[:, None]
        bias = self.bias(geometry) if self.geometry else None
        normal = self.norms[0](states)
        context, _ = self.attention(
            normal,
            *self.attention.project(normal),
            attention_mask=mask,
            bias=bias,
            training=training,
        )
        states = states + self.drop(context, training=training)
        more = self.feed_forward(self.norms[1](states), training=training)
        return states + self.drop(more, training=training)

    def compute_output_spec(
        self, states, location_mask=None, geometry=None, training=None
    ):
        return keras.KerasTensor(states.shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            ff_size=self.ff_size,
            heads=self.heads,
            dropout=self.dropout,
            norm=self.norm,
            ff_activation=self.ff_activation,
            geometry=self.geometry,
        )
        return config

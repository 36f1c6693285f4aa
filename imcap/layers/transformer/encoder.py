"""The transformer's encoder block, over the locations of a picture."""

import keras

from imcap.layers.attention.geometric_attention import GEOMETRY, GeometricBias
from imcap.layers.masking import expand_mask
from imcap.layers.transformer.block import TransformerBlock


@keras.saving.register_keras_serializable(package="imcap")
class EncoderBlock(TransformerBlock):
    """Pre-norm encoder block: `x + drop(SA(norm x))`, `x + drop(FF(norm x))`.

    Args:
        units, ff_size, heads, dropout, norm, ff_activation: as in
            `TransformerBlock`.
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

    def __init__(self, units, ff_size, *args, geometry=False, **kwargs):
        super().__init__(units, ff_size, *args, **kwargs)
        self.geometry = geometry
        self.attention = self._make_attention()
        self.feed_forward = self._make_feed_forward()
        self.bias = None
        if geometry:
            self.bias = GeometricBias(self.heads, dtype=self.dtype_policy)
        self._make_norms(2)

    def build(self, states_shape):
        for layer in (self.attention, self.feed_forward, *self.norms):
            layer.build(states_shape)
        if self.geometry:
            self.bias.build((None, None, None, GEOMETRY))
        self.built = True

    def call(self, states, location_mask=None, geometry=None, training=None):
        normal = self.norms[0](states)
        context, _ = self.attention(
            normal,
            *self.attention.project(normal),
            attention_mask=expand_mask(location_mask),
            bias=self.bias(geometry) if self.geometry else None,
            training=training,
        )
        states = self._add(states, context, training)
        return self._add_feed_forward(states, training)

    def compute_output_spec(
        self, states, location_mask=None, geometry=None, training=None
    ):
        return keras.KerasTensor(states.shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"geometry": self.geometry}

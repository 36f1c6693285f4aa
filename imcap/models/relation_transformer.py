"""The object relation transformer captioner."""

import keras

from imcap.layers.attention.geometric_attention import RelativeGeometry
from imcap.layers.masking import LocationMasking
from imcap.models.transformer_captioner import TransformerCaptioner


@keras.saving.register_keras_serializable(package="imcap")
class RelationTransformer(TransformerCaptioner):
    """Object relation transformer: its encoder knows relative geometry.

    `x = drop(relu(W v + b))`, encoder blocks with attention
    `softmax(q k / √d_k + log max(w_G, 1e-6))`, decoder blocks without
    geometry, `p = softmax(W_p h + b_p)`. Norms divide by the unbiased
    deviation; see `UnbiasedNormalization`.

    Args:
        vocabulary_size, channels, num_layers, emb_dim, ff_size, heads: as in
            `TransformerCaptioner`.
        dropout, embed_dropout, ff_activation, max_positions: likewise.
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`; positions are boxes relative to
    the picture, (B, K, 4). Attention weights are those of the decoder's last
    block, (B, N, K, H).

    Raises:
        ValueError: options that do not fit; more words than
            `max_positions`.

    Example:
        >>> model = RelationTransformer(9488, 2048)
        >>> logits = model(
        ...     {"features": features, "positions": boxes, "tokens": tokens}
        ... )

    Reference:
        Herdade, Kappeler, Boakye and Soares, 2019, "Image captioning:
        transforming objects into words".
    """

    wanted_positions = "boxes"
    position_width = 4

    def _make_layers(self):
        self._make_features()
        # Half precision would move the boxes.
        self.mask_boxes = LocationMasking(dtype="float32", name="mask_boxes")
        self.geometry = RelativeGeometry(dtype=self.policy, name="geometry")
        self._make_stacks("unbiased", "dot-product", geometry=True)

    def _encoded(self, inputs, training=None):
        mask = inputs["mask"]
        states = self._embedded(inputs, training)
        boxes = self.mask_boxes(inputs["positions"], mask)
        return self.encoder(
            states, mask, self.geometry(boxes), training=training
        )

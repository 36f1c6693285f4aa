"""The spatial transformer captioner, and the plain one."""

import keras

from imcap.layers.transformer.positions import location_positions
from imcap.models.transformer_captioner import TransformerCaptioner


@keras.saving.register_keras_serializable(package="imcap")
class SpatialTransformer(TransformerCaptioner):
    """Pre-norm encoder and decoder over located regions or grid cells.

    `x = drop(relu(W v + b))` with its position added, `num_layers` encoder
    blocks, `num_layers` decoder blocks, `p = softmax(W_p h + b_p)`.

    Args:
        vocabulary_size, channels, num_layers, emb_dim, ff_size, heads: as in
            `TransformerCaptioner`.
        dropout, embed_dropout, ff_activation, max_positions: likewise.
        norm: "layer" or "RMS".
        enc_pos_embedding: bool, positions by `enc_pos_type`; otherwise the
            fixed sinusoids of grid cells.
        enc_pos_type: "gxg", "g2" (grid vectors) or "box-coord" (boxes).
        cross_attn: "xlinear" or "dot-product".
        num_grids: int G, width of grid vectors, a square.
        positions: bool, whether locations are told apart by where they are;
            without it this is the plain transformer.
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`. Attention weights are those of
    the last block: (B, N, K, H) for dot products, (B, N, K) for x-linear.

    Raises:
        ValueError: options that do not fit; more words than
            `max_positions`.

    Example:
        >>> model = SpatialTransformer(9488, 2048, num_grids=144)
        >>> logits = model(
        ...     {"features": features, "positions": grids, "tokens": tokens}
        ... )

    Reference:
        The Spatial-Image-Captioning code; Vaswani et al., 2017; Pan et al.,
        2020. Unlike that code, dropout in blocks and of the embedded
        features are set apart, for .5 in every block learns little.
    """

    def __init__(
        self,
        vocabulary_size,
        channels,
        num_layers=6,
        emb_dim=512,
        ff_size=2048,
        heads=8,
        dropout=0.1,
        embed_dropout=0.5,
        norm="layer",
        ff_activation="RELU",
        enc_pos_embedding=True,
        enc_pos_type="gxg",
        cross_attn="xlinear",
        num_grids=144,
        positions=True,
        max_positions=32,
        **kwargs,
    ):
        # Config
        self.norm = norm
        self.enc_pos_embedding = enc_pos_embedding
        self.enc_pos_type = enc_pos_type
        self.cross_attn = cross_attn
        self.num_grids = num_grids
        self.positions = positions
        if positions:
            boxes = enc_pos_embedding and enc_pos_type == "box-coord"
            self.wanted_positions = "boxes" if boxes else "grid"
            self.position_width = 4 if boxes else num_grids
        super().__init__(
            vocabulary_size,
            channels,
            num_layers,
            emb_dim,
            ff_size,
            heads,
            dropout,
            embed_dropout,
            ff_activation,
            max_positions,
            **kwargs,
        )

    def _make_layers(self):
        self._make_features()
        if self.positions:
            self.located = location_positions(
                self.enc_pos_type if self.enc_pos_embedding else "fixed",
                self.emb_dim,
                self.dropout,
                dtype=self.policy,
                name="located",
            )
        self._make_stacks(self.norm, self.cross_attn)

    def _encoded(self, inputs, training=None):
        mask = inputs["mask"]
        states = self._embedded(inputs, training)
        if self.positions:
            where = self.mask_locations(inputs["positions"], mask)
            states = self.located(states, where, training=training)
        return self.encoder(states, mask, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "norm": self.norm,
            "enc_pos_embedding": self.enc_pos_embedding,
            "enc_pos_type": self.enc_pos_type,
            "cross_attn": self.cross_attn,
            "num_grids": self.num_grids,
            "positions": self.positions,
        }

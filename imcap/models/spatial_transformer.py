"""The transformer captioner that knows where it looks."""

import keras
from keras import ops

from imcap.layers.masking import KeptLocations
from imcap.layers.packing import Captions
from imcap.layers.positions import location_positions
from imcap.layers.row_dense import RowDense
from imcap.layers.transformer_stacks import (
    TransformerDecoder,
    TransformerEncoder,
)
from imcap.models.captioner import Captioner, caption_inputs


@keras.saving.register_keras_serializable(package="imcap")
class SpatialTransformer(Captioner):
    """Pre-norm encoder and decoder over located regions or grid cells.

    `x = drop(relu(W v + b))` with its position added, `num_layers` encoder
    blocks, `num_layers` decoder blocks, `p = softmax(W_p h + b_p)`.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        num_layers: int, blocks of the encoder and of the decoder.
        emb_dim: int, width d.
        ff_size: int, width of the feed-forward's hidden layer.
        heads: int, H; divides d.
        dropout: float, share dropped (in training) in all blocks.
        embed_dropout: float, share dropped of the embedded features.
        norm: "layer" or "RMS".
        ff_activation: "RELU" or "GELU".
        enc_pos_embedding: bool, positions by `enc_pos_type`; otherwise the
            fixed sinusoids of grid cells.
        enc_pos_type: "gxg", "g2" (grid vectors) or "box-coord" (boxes).
        cross_attn: "xlinear" or "dot-product".
        num_grids: int G, width of grid vectors, a square.
        positions: bool, whether locations are told apart by where they are;
            without it this is the plain transformer.
        max_positions: int L, the most words of a caption, bos included; each
            step of decoding costs as much as L words of memory.
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`. Attention weights are those of
    the last block: (B, N, K, H) for dot products, (B, N, K) for x-linear.

    Raises:
        ValueError: options that do not fit; more words than L.

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
        self.policy = kwargs.pop("dtype", None)
        self.vocabulary_size = vocabulary_size
        self.channels = channels
        self.num_layers = num_layers
        self.emb_dim = emb_dim
        self.ff_size = ff_size
        self.heads = heads
        self.dropout = dropout
        self.embed_dropout = embed_dropout
        self.norm = norm
        self.ff_activation = ff_activation
        self.enc_pos_embedding = enc_pos_embedding
        self.enc_pos_type = enc_pos_type
        self.cross_attn = cross_attn
        self.num_grids = num_grids
        self.positions = positions
        self.max_positions = max_positions
        boxes = enc_pos_embedding and enc_pos_type == "box-coord"
        if positions:
            self.wanted_positions = "boxes" if boxes else "grid"
        self._make_layers()
        width = (4 if boxes else num_grids) if positions else None
        inputs = caption_inputs(channels, positions=width)
        super().__init__(inputs=inputs, outputs=self._graph(inputs), **kwargs)

    def _make_layers(self):
        policy = self.policy
        self.kept = KeptLocations(dtype=policy, name="kept")
        self.feature_dense = RowDense(
            self.emb_dim,
            activation="relu",
            # Uniform in ±1 / √D, as linear layers begin in the original.
            kernel_initializer=keras.initializers.VarianceScaling(
                1 / 3, "fan_in", "uniform"
            ),
            dtype=policy,
            name="features_embedded",
        )
        self.feature_drop = keras.layers.Dropout(
            self.embed_dropout, dtype=policy, name="feature_drop"
        )
        if self.positions:
            self.located = location_positions(
                self.enc_pos_type if self.enc_pos_embedding else "fixed",
                self.emb_dim,
                self.dropout,
                dtype=policy,
                name="located",
            )
        block = {
            "units": self.emb_dim,
            "ff_size": self.ff_size,
            "heads": self.heads,
            "dropout": self.dropout,
            "norm": self.norm,
            "ff_activation": self.ff_activation,
        }
        self.encoder = TransformerEncoder(
            self.num_layers, block, dtype=policy, name="encoder"
        )
        self.decoder = TransformerDecoder(
            self.vocabulary_size,
            self.num_layers,
            self.max_positions,
            {**block, "cross_attn": self.cross_attn},
            dtype=policy,
            name="decoder",
        )
        # Parts of it are called before the whole.
        self.decoder.build((None, None, None))
        self.output_dense = RowDense(
            self.vocabulary_size, dtype=policy, name="output"
        )

    def _graph(self, inputs):
        rows = self.decoder(
            inputs["tokens"],
            inputs["slots"],
            inputs["words"],
            self._encoded(inputs),
            inputs["mask"],
        )
        return Captions(dtype="float32", name="captions")(
            self.output_dense(rows), inputs["tokens"], inputs["words"]
        )

    def encode(self, inputs, training=None):
        encoded = self._encoded(inputs, training)
        memory = self.decoder.project(encoded)  # lists of (B, …)
        if inputs.get("mask") is not None:
            memory["mask"] = inputs["mask"]  # (B, K)
        return memory

    def _encoded(self, inputs, training=None):
        """The encoder's output (B, K, d)."""
        mask = inputs.get("mask")
        states = self.feature_dense(self.kept(inputs["features"], mask))
        states = self.feature_drop(states, training=training)
        if self.positions:
            where = self.kept(inputs["positions"], mask)
            states = self.located(states, where, training=training)
        return self.encoder(states, mask, training=training)

    def initial_state(self, memory, count):
        return self.decoder.initial_state(
            ops.shape(memory["keys"][0])[0], count
        )

    def step(self, tokens, state, memory, training=None):
        states, state, weights = self.decoder.step(
            tokens,
            state,
            memory["keys"],
            memory["values"],
            memory.get("mask"),
            training,
        )
        logits = ops.cast(self.output_dense(states), "float32")
        return logits, state, {"weights": weights}

    def notes(self):
        if self.dropout < 0.4:
            return []
        return [
            f"{self.dropout} is dropped in every block, of which a "
            "transformer learns little; give --dropout 0.1 to 0.2"
        ]

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.output_dense.dtype_policy.name,
            "vocabulary_size": self.vocabulary_size,
            "channels": self.channels,
            "num_layers": self.num_layers,
            "emb_dim": self.emb_dim,
            "ff_size": self.ff_size,
            "heads": self.heads,
            "dropout": self.dropout,
            "embed_dropout": self.embed_dropout,
            "norm": self.norm,
            "ff_activation": self.ff_activation,
            "enc_pos_embedding": self.enc_pos_embedding,
            "enc_pos_type": self.enc_pos_type,
            "cross_attn": self.cross_attn,
            "num_grids": self.num_grids,
            "positions": self.positions,
            "max_positions": self.max_positions,
        }

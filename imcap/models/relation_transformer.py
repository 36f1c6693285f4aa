"""The object relation transformer: where objects stand to each other."""

import keras
from keras import ops

from imcap.layers.geometric_attention import RelativeGeometry
from imcap.layers.masking import KeptLocations
from imcap.layers.packing import Captions
from imcap.layers.row_dense import RowDense
from imcap.layers.transformer_stacks import (
    TransformerDecoder,
    TransformerEncoder,
)
from imcap.models.captioner import Captioner, caption_inputs


@keras.saving.register_keras_serializable(package="imcap")
class RelationTransformer(Captioner):
    """Transformer whose encoder weighs objects by relative geometry too.

    `x = drop(relu(W v + b))`, encoder blocks with attention
    `softmax(q k / √d_k + log max(w_G, 1e-6))`, decoder blocks without
    geometry, `p = softmax(W_p h + b_p)`. Norms divide by the unbiased
    deviation; see `UnbiasedNormalization`.

    Args:
        vocabulary_size, channels, num_layers, emb_dim, ff_size, heads,
            dropout, embed_dropout, ff_activation, max_positions: as in
            `SpatialTransformer`.
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
        ff_activation="RELU",
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
        self.ff_activation = ff_activation
        self.max_positions = max_positions
        self._make_layers()
        inputs = caption_inputs(channels, positions=4)
        super().__init__(inputs=inputs, outputs=self._graph(inputs), **kwargs)

    def _make_layers(self):
        policy = self.policy
        self.kept = KeptLocations(dtype=policy, name="kept")
        # Half precision would move the boxes.
        self.kept_boxes = KeptLocations(dtype="float32", name="kept_boxes")
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
        self.geometry = RelativeGeometry(dtype=policy, name="geometry")
        block = {
            "units": self.emb_dim,
            "ff_size": self.ff_size,
            "heads": self.heads,
            "dropout": self.dropout,
            "norm": "unbiased",
            "ff_activation": self.ff_activation,
        }
        self.encoder = TransformerEncoder(
            self.num_layers,
            {**block, "geometry": True},
            dtype=policy,
            name="encoder",
        )
        self.decoder = TransformerDecoder(
            self.vocabulary_size,
            self.num_layers,
            self.max_positions,
            {**block, "cross_attn": "dot-product"},
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
        boxes = self.kept_boxes(inputs["positions"], mask)
        return self.encoder(
            states, mask, self.geometry(boxes), training=training
        )

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
            "ff_activation": self.ff_activation,
            "max_positions": self.max_positions,
        }

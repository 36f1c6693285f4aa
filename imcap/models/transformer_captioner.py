"""The base of transformer captioners."""

import keras
from keras import ops

from imcap.layers.dense import RowDense
from imcap.layers.masking import LocationMasking
from imcap.layers.packing import Captions
from imcap.layers.transformer.stacks import (
    TransformerDecoder,
    TransformerEncoder,
)
from imcap.models.captioner import Captioner
from imcap.models.inputs import caption_inputs


class TransformerCaptioner(Captioner):
    """Transformer captioner, all but how it tells locations apart.

    `x = drop(relu(W v + b))`, `num_layers` encoder blocks, `num_layers`
    decoder blocks, `p = softmax(W_p h + b_p)`.

    A subclass makes its layers in `_make_layers`, by `_make_features` and
    `_make_stacks`, and puts them together up to the encoder's output in
    `_encoded`. The decoder, logits and steps are here.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        num_layers: int, blocks of the encoder and of the decoder.
        emb_dim: int, width d.
        ff_size: int, width of the feed-forward's hidden layer.
        heads: int, H; divides d.
        dropout: float, share dropped (in training) in all blocks.
        embed_dropout: float, share dropped of the embedded features.
        ff_activation: "RELU" or "GELU".
        max_positions: int L, the most words of a caption, bos included; each
            step of decoding costs as much as L words of memory.
        **kwargs: see `keras.Model`.
    """

    position_width: int | None = None  # P of the positions, None without

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
        inputs = caption_inputs(channels, positions=self.position_width)
        super().__init__(inputs=inputs, outputs=self._graph(inputs), **kwargs)

    def _make_layers(self):
        raise TypeError(f"{type(self).__name__} lacks _make_layers")

    def _make_features(self):
        self.mask_locations = LocationMasking(
            dtype=self.policy, name="mask_locations"
        )
        self.feature_dense = RowDense(
            self.emb_dim,
            activation="relu",
            # Uniform in ±1 / √D, as linear layers begin in the original.
            kernel_initializer=keras.initializers.VarianceScaling(
                1 / 3, "fan_in", "uniform"
            ),
            dtype=self.policy,
            name="features_embedded",
        )
        self.feature_drop = keras.layers.Dropout(
            self.embed_dropout, dtype=self.policy, name="feature_drop"
        )

    def _make_stacks(self, norm, cross_attn, geometry=False):
        """Encoder, decoder and output layer; options as blocks take them."""
        policy = self.policy
        block = {
            "units": self.emb_dim,
            "ff_size": self.ff_size,
            "heads": self.heads,
            "dropout": self.dropout,
            "norm": norm,
            "ff_activation": self.ff_activation,
        }
        self.encoder = TransformerEncoder(
            self.num_layers,
            {**block, "geometry": geometry},
            dtype=policy,
            name="encoder",
        )
        self.decoder = TransformerDecoder(
            self.vocabulary_size,
            self.num_layers,
            self.max_positions,
            {**block, "cross_attn": cross_attn},
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
        inputs = self.complete(inputs)
        encoded = self._encoded(inputs, training)
        memory = self.decoder.project(encoded)  # lists of (B, …)
        if inputs["mask"] is not None:
            memory["mask"] = inputs["mask"]  # (B, K)
        return memory

    def _encoded(self, inputs, training=None):
        """The encoder's output (B, K, d)."""
        raise TypeError(f"{type(self).__name__} lacks _encoded")

    def _embedded(self, inputs, training=None):
        """What the encoder starts from, (B, K, d)."""
        features = self.mask_locations(inputs["features"], inputs["mask"])
        states = self.feature_dense(features)
        return self.feature_drop(states, training=training)

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

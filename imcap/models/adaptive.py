"""Spatial and adaptive attention, the lineage of sat_keras."""

import keras

from imcap.layers.attention.adaptive_attention import AdaptiveAttention
from imcap.layers.masking import LocationDropout, LocationMasking, MaskedMean
from imcap.layers.packing import Packing
from imcap.layers.recurrent.sentinel_lstm import SentinelLSTM, SentinelLSTMCell
from imcap.models.captioner import zeros_for
from imcap.models.recurrent_captioner import RecurrentCaptioner


@keras.saving.register_keras_serializable(package="imcap")
class Adaptive(RecurrentCaptioner):
    """Adaptive attention: decides when to look at the picture, and where.

    `v_g = relu(W_g mean(V) + b)`, `v_i = relu(W_v V_i + b)`,
    `h, s = LSTM([v_g; relu(E w)])`, context and ĥ by `AdaptiveAttention`,
    `p = softmax(W_p tanh(W_m (c + ĥ) + b))`.

    Attention does not feed back into the recurrence, so the recurrence runs
    alone and attention sees all words at once.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        lstm_dim: int, width of the LSTM.
        emb_dim: int, width of word embeddings and of v_g.
        z_dim: int, width of attention and of the output's hidden layer.
        sgate: bool, adaptive attention with a sentinel; otherwise spatial
            attention.
        lstm: bool, no attention at all: the word comes from h alone.
        dropout: float, share dropped (in training) of v_g, v_i, the
            embedding, ĥ, ŝ and the output's hidden layer. The original
            drops ĥ a second time, in its sum with the context.
        recurrent_activation: "sigmoid" or "hard_sigmoid".
        sentinel_dropout: float, share of words that (in training) must look
            at the picture; see `AdaptiveAttention`.
        global_features: bool, whether the LSTM is given v_g. Without it
            all that is seen comes through attention, which then falls on
            what a word names; the paper always gives it.
        location_dropout: float, share of locations hidden (in training).
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`. Attention weights are (B, N, K)
    and, with sgate, "sentinel" is β.

    Example:
        >>> model = Adaptive(vocabulary_size=9488, channels=2048, sgate=True)
        >>> logits = model({"features": features, "tokens": tokens})

    Reference:
        Lu, Xiong, Parikh and Socher, 2017, "Knowing when to look: adaptive
        attention via a visual sentinel for image captioning". As in the
        published Keras code, values pass a ReLU before they become keys and
        words start from zero states; unlike it, gates use the true sigmoid
        and dropout never reaches the recurrence.
    """

    def __init__(
        self,
        vocabulary_size,
        channels,
        lstm_dim=512,
        emb_dim=512,
        z_dim=512,
        sgate=False,
        lstm=False,
        dropout=0.0,
        recurrent_activation="sigmoid",
        sentinel_dropout=0.0,
        global_features=True,
        location_dropout=0.0,
        **kwargs,
    ):
        if lstm and not global_features:
            raise ValueError("lstm sees nothing but global_features")
        # Config
        self.sgate = sgate and not lstm
        self.lstm = lstm
        self.recurrent_activation = recurrent_activation
        self.sentinel_dropout = sentinel_dropout
        self.global_features = global_features
        self.location_dropout = location_dropout
        super().__init__(
            vocabulary_size,
            channels,
            lstm_dim,
            emb_dim,
            z_dim,
            dropout,
            **kwargs,
        )

    def _make_layers(self):
        policy = self.policy
        self.mask_locations = LocationMasking(
            dtype=policy, name="mask_locations"
        )
        self.hide = None
        if self.location_dropout:
            self.hide = LocationDropout(self.location_dropout, name="hide")
        if self.global_features:
            self.pool = MaskedMean(dtype=policy, name="pool")
            self.global_dense = self._dense(self.emb_dim, "global", "relu")
            self.global_drop = self._drop("global_drop")
        self.embedding = self._word_table()
        self.word_relu = keras.layers.ReLU(dtype=policy, name="word_relu")
        self.word_drop = self._drop("word_drop")
        self.decoder = self._make_decoder()
        if not self.lstm:
            self.value_dense = self._dense(self.z_dim, "values", "relu")
            self.value_drop = self._drop("value_drop")
            self.attention = AdaptiveAttention(
                self.z_dim,
                dropout=self.dropout,
                sentinel_dropout=self.sentinel_dropout,
                dtype=policy,
                name="attention",
            )
            self.merge_dense = self._dense(self.z_dim, "merge", "tanh")
        self.output_drop = self._drop("output_drop")
        self.output_dense = self._dense(self.vocabulary_size, "output")

    def _make_decoder(self):
        cell = SentinelLSTMCell(
            self.lstm_dim,
            sgate=self.sgate,
            recurrent_activation=self.recurrent_activation,
            dtype=self.policy,
            name="cell",
        )
        return SentinelLSTM(cell, dtype=self.policy, name="decoder")

    def _graph(self, inputs):
        memory = self.encode(inputs)
        words = self._embed(inputs["tokens"])  # (B, N, T, E)
        outputs = self.decoder(words, memory.get("global"))
        hidden, sentinel = outputs if self.sgate else (outputs, None)
        packing = Packing(inputs, self.policy)
        hidden = packing.by_image(hidden)  # (B, M, U)
        if self.sgate:
            sentinel = packing.by_image(sentinel)
        rows, _ = self._attend(hidden, sentinel, memory)
        return packing.captions(self._predict(packing.real(rows)))

    def encode(self, inputs, training=None):
        inputs = self.complete(inputs)
        mask, features = inputs["mask"], inputs["features"]
        if self.hide is not None:
            mask = self.hide(features, mask, training=training)
        features = self.mask_locations(features, mask)
        memory = {}
        if self.global_features:
            pooled = self.global_dense(self.pool(features, mask))
            memory["global"] = self.global_drop(pooled, training=training)
        if self.lstm:
            return memory  # (B, E)
        values = self.value_dense(features)  # (B, K, U)
        memory["values"] = self.value_drop(values, training=training)
        memory["keys"] = self.attention.project(memory["values"])
        if mask is not None:
            memory["mask"] = mask  # (B, K)
        return memory

    def initial_state(self, memory, count):
        like = memory["global" if self.global_features else "values"]
        state = zeros_for(like, count, self.lstm_dim)
        return state, state

    def _advance(self, words, state, memory):
        gates = self.decoder.project(words, memory.get("global"))
        return self.decoder.cell(gates, state, projected=True)

    def _read_out(self, words, outputs, memory, training=None):
        rows, weights = self._attend(*outputs, memory, training)
        if weights is None:
            return rows, {}
        if not self.sgate:
            return rows, {"weights": weights}
        attention = {"weights": weights[..., :-1], "sentinel": weights[..., -1]}
        return rows, attention

    def _attend(self, hidden, sentinel, memory, training=None):
        """States (B, Q, U) to what the output layer reads, and weights."""
        if self.lstm:
            return hidden, None
        return self.attention(
            hidden,
            sentinel,
            memory["keys"],
            memory["values"],
            memory.get("mask"),
            training=training,
        )

    def _predict(self, rows, training=None):
        if not self.lstm:
            rows = self.merge_dense(rows)
        return super()._predict(rows, training)

    def get_config(self):
        return {
            **super().get_config(),
            "sgate": self.sgate,
            "lstm": self.lstm,
            "recurrent_activation": self.recurrent_activation,
            "sentinel_dropout": self.sentinel_dropout,
            "global_features": self.global_features,
            "location_dropout": self.location_dropout,
        }

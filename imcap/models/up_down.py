"""Top-down attention over regions (Up-Down)."""

import keras
from keras import ops

from imcap.layers.masking import KeptLocations, MaskedMean
from imcap.layers.packing import Captions, RealWords, WordsOfImage
from imcap.layers.row_dense import RowDense
from imcap.layers.top_down_lstm import TopDownLSTM
from imcap.models.captioner import Captioner, caption_inputs, zeros_for


@keras.saving.register_keras_serializable(package="imcap")
class UpDown(Captioner):
    """One LSTM looks, another speaks.

    `v_k = relu(W V_k + b)`, `h = TopDownLSTM(relu(E w), mean(v), v)`,
    `p = softmax(W_p h² + b)`.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        lstm_dim: int, width of both LSTMs and of the projected features.
        emb_dim: int, width of word embeddings.
        z_dim: int, width of the score's hidden layer.
        dropout: float, share dropped (in training) of projected features,
            word embeddings and the state that the output layer reads.
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`. Attention has weights
    (B, N, K).

    Example:
        >>> model = UpDown(vocabulary_size=9488, channels=2048)

    Reference:
        Anderson et al., 2018, "Bottom-up and top-down attention for image
        captioning and visual question answering". As in the published
        PyTorch code, features pass a ReLU layer first.
    """

    def __init__(
        self,
        vocabulary_size,
        channels,
        lstm_dim=512,
        emb_dim=512,
        z_dim=512,
        dropout=0.0,
        **kwargs,
    ):
        # Config
        self.policy = kwargs.pop("dtype", None)
        self.vocabulary_size = vocabulary_size
        self.channels = channels
        self.lstm_dim = lstm_dim
        self.emb_dim = emb_dim
        self.z_dim = z_dim
        self.dropout = dropout
        self._make_layers()
        inputs = caption_inputs(channels)
        super().__init__(inputs=inputs, outputs=self._graph(inputs), **kwargs)

    def _make_layers(self):
        policy = {"dtype": self.policy}
        self.kept = KeptLocations(**policy, name="kept")
        self.value_dense = RowDense(
            self.lstm_dim, activation="relu", **policy, name="values"
        )
        self.value_drop = self._drop("value_drop")
        self.pool = MaskedMean(**policy, name="pool")
        self.embedding = keras.layers.Embedding(
            self.vocabulary_size,
            self.emb_dim,
            embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
            **policy,
            name="embedding",
        )
        self.word_relu = keras.layers.ReLU(**policy, name="word_relu")
        self.word_drop = self._drop("word_drop")
        self.decoder = TopDownLSTM(
            self.lstm_dim, self.z_dim, **policy, name="decoder"
        )
        self.output_drop = self._drop("output_drop")
        self.output_dense = RowDense(
            self.vocabulary_size, **policy, name="output"
        )

    def _drop(self, name):
        return keras.layers.Dropout(self.dropout, dtype=self.policy, name=name)

    def _graph(self, inputs):
        values = self._values(inputs)
        words = self._embed(inputs["tokens"])  # (B, N, T, E)
        image = self.pool(values, inputs["mask"])  # (B, U)
        hidden, _ = self.decoder(words, image, values, inputs["mask"])
        by_image = WordsOfImage(dtype=self.policy, name="words_of_image")
        hidden = by_image(hidden, inputs["slots"])  # (B, M, U)
        real = RealWords(dtype=self.policy, name="real_words")
        logits = self._predict(real(hidden, inputs["words"]))
        return Captions(dtype="float32", name="captions")(
            logits, inputs["tokens"], inputs["words"]
        )

    def encode(self, inputs, training=None):
        mask = inputs.get("mask")
        values = self._values(inputs, training)
        keys, gates = self.decoder.project(values)
        memory = {"keys": keys, "gates": gates}
        memory["image"] = self.pool(values, mask)  # (B, U)
        if mask is not None:
            memory["mask"] = mask  # (B, K)
        return memory

    def _values(self, inputs, training=None):
        features = self.kept(inputs["features"], inputs.get("mask"))
        values = self.value_dense(features)  # (B, K, U)
        return self.value_drop(values, training=training)

    def initial_state(self, memory, count):
        return (zeros_for(memory["gates"], count, self.lstm_dim),) * 4

    def step(self, tokens, state, memory, training=None):
        words = self._embed(tokens, training)  # (B, N, E)
        gates = self.decoder.word_dense(words)
        gates = gates + self.decoder.image_dense(memory["image"])[:, None]
        (hidden, weights), state = self.decoder.step(
            gates, state, memory["keys"], memory["gates"], memory.get("mask")
        )
        logits = ops.cast(self._predict(hidden, training), "float32")
        return logits, state, {"weights": weights}

    def _embed(self, tokens, training=None):
        words = self.word_relu(self.embedding(tokens))
        return self.word_drop(words, training=training)

    def _predict(self, hidden, training=None):
        return self.output_dense(self.output_drop(hidden, training=training))

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.embedding.dtype_policy.name,
            "vocabulary_size": self.vocabulary_size,
            "channels": self.channels,
            "lstm_dim": self.lstm_dim,
            "emb_dim": self.emb_dim,
            "z_dim": self.z_dim,
            "dropout": self.dropout,
        }

"""The base of recurrent captioners."""

import keras
from keras import ops

from imcap.layers.dense import RowDense
from imcap.layers.masking import LocationMasking
from imcap.layers.packing import Packing
from imcap.models.captioner import Captioner, zeros_for
from imcap.models.inputs import caption_inputs


class RecurrentCaptioner(Captioner):
    """Recurrent captioner, all of it but the recurrence, `decoder`.

    `v_k = relu(W V_k + b)`, `x_t = relu(E w_{t−1})`,
    `h_t = decoder(x_t, v, h_{t−1})`, `p = softmax(W_p h_t + b)`.

    A subclass makes the decoder, a layer with `word_dense`, `project` and
    `step` like those of `AttendedInputLSTM`, in `_make_decoder`. Where the
    system differs in more, the method that does it is overridden: one has
    layers of its own (`_make_layers`), another way through whole captions
    (`_graph`), another memory (`_memory`), or an output layer that reads more
    than the state (`_read_out`). `step` is the same for all.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        lstm_dim: int, U, width of the LSTM and of the projected features.
        emb_dim: int, E, width of word embeddings.
        z_dim: int, width of the score's hidden layer.
        dropout: float, share dropped (in training) of projected features,
            word embeddings and the state that the output layer reads.
        **kwargs: see `keras.Model`.
    """

    state_parts = 2  # tensors (B, N, U) that a word hands to the next

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
        self.mask_locations = LocationMasking(
            dtype=self.policy, name="mask_locations"
        )
        self.value_dense = self._dense(self.lstm_dim, "values", "relu")
        self.value_drop = self._drop("value_drop")
        self.embedding = self._word_table()
        self.word_relu = keras.layers.ReLU(dtype=self.policy, name="word_relu")
        self.word_drop = self._drop("word_drop")
        self.decoder = self._make_decoder()
        self.output_drop = self._drop("output_drop")
        self.output_dense = self._dense(self.vocabulary_size, "output")

    def _make_decoder(self):
        raise TypeError(f"{type(self).__name__} lacks _make_decoder")

    def _word_table(self):
        return keras.layers.Embedding(
            self.vocabulary_size,
            self.emb_dim,
            # Wide (PyTorch's N(0, 1)) learns language faster and pictures
            # later: lower loss, lower CIDEr.
            embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
            dtype=self.policy,
            name="embedding",
        )

    def _dense(self, units, name, activation=None, **more):
        return RowDense(
            units, activation=activation, dtype=self.policy, name=name, **more
        )

    def _drop(self, name):
        return keras.layers.Dropout(self.dropout, dtype=self.policy, name=name)

    def _graph(self, inputs):
        values = self._values(inputs)
        words = self._embed(inputs["tokens"])  # (B, N, T, E)
        hidden, _ = self._recur(words, values, inputs["mask"])
        packing = Packing(inputs, self.policy)
        hidden = packing.by_image(hidden)  # (B, M, U)
        return packing.captions(self._predict(packing.real(hidden)))

    def _recur(self, words, values, mask):
        """States (B, N, T, U) and weights (B, N, T, K) of whole captions."""
        return self.decoder(words, values, mask)

    def encode(self, inputs, training=None):
        inputs = self.complete(inputs)
        mask = inputs["mask"]
        memory = self._memory(self._values(inputs, training), mask)
        if mask is not None:
            memory["mask"] = mask  # (B, K)
        return memory

    def _values(self, inputs, training=None):
        features = self.mask_locations(inputs["features"], inputs["mask"])
        values = self.value_dense(features)  # (B, K, U)
        return self.value_drop(values, training=training)

    def _memory(self, values, mask):
        """What `step` needs of the values, projected once."""
        keys, gates = self.decoder.project(values)
        return {"keys": keys, "gates": gates}  # (B, K, A) and (B, K, G)

    def initial_state(self, memory, count):
        zeros = zeros_for(memory["gates"], count, self.lstm_dim)
        return (zeros,) * self.state_parts

    def step(self, tokens, state, memory, training=None):
        words = self._embed(tokens, training)  # (B, N, E)
        outputs, state = self._advance(words, state, memory)
        rows, attention = self._read_out(words, outputs, memory, training)
        logits = ops.cast(self._predict(rows, training), "float32")
        return logits, state, attention

    def _advance(self, words, state, memory):
        """The decoder's outputs for one word (B, N, E), and its state."""
        return self.decoder.step(
            self._gates(words, memory),
            state,
            memory["keys"],
            memory["gates"],
            memory.get("mask"),
        )

    def _gates(self, words, memory):
        """What words add to the decoder's gates, (B, N, G)."""
        return self.decoder.word_dense(words)

    def _read_out(self, words, outputs, memory, training=None):
        """What the output layer reads of one word, and its attention."""
        hidden, weights = outputs
        return hidden, {"weights": weights}

    def _embed(self, tokens, training=None):
        words = self.word_relu(self.embedding(tokens))
        return self.word_drop(words, training=training)

    def _predict(self, rows, training=None):
        return self.output_dense(self.output_drop(rows, training=training))

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.output_dense.dtype_policy.name,
            "vocabulary_size": self.vocabulary_size,
            "channels": self.channels,
            "lstm_dim": self.lstm_dim,
            "emb_dim": self.emb_dim,
            "z_dim": self.z_dim,
            "dropout": self.dropout,
        }

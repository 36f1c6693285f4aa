"""SCA-CNN: channel and spatial attention inside the picture network."""

import keras
from keras import ops

from imcap.layers.cnn.network_ends import NETWORKS, attended_maps, pretrained
from imcap.layers.dense import RowDense
from imcap.layers.masking import KeptLocations, TokenMask
from imcap.layers.packing import Captions, RealWords, WordsOfImage, ZeroFirst
from imcap.layers.penalties import CoveragePenalty
from imcap.layers.recurrent.sca_lstm import ScaLSTM, plain
from imcap.models.captioner import Captioner, caption_inputs


@keras.saving.register_keras_serializable(package="imcap")
class ScaCnn(Captioner):
    """The end of the picture network runs anew for each word.

    `h_0, c_0 = tanh(W z + b)` of the unattended map's z,
    `h_t, z_t = ScaLSTM(E w_{t−1}, V, h_{t−1})`, zeros for the first word,
    `p = softmax(W_o tanh(W_l h_t + E w_{t−1} + W_x z_t))`.

    The network's last layers are part of the captioner and learn with it, but
    for the statistics of their normalisations. `start_from_network` gives
    them the weights they had.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features: the first attended map and, behind
            it, all maps that are added later (see `network_ends`).
        network: "mobilenetv2", "resnet152" or "vgg19"; None with `attended`.
        attended: list of attended maps, see `ScaLSTM`; None for the
            network's.
        attention_order: "C-S", "S-C", "C" or "S", see `AttendedMap`.
        lstm_dim: int, width of the LSTM.
        emb_dim: int, width of words and of the output's hidden layer.
        z_dim: int, width of the scores' hidden layers.
        selector: bool, a scalar gate on what the LSTM is told.
        prev2out: bool, whether the output reads the last word.
        ctx2out: bool, whether the output reads z.
        dropout: float, share dropped (in training) of h on its way to the
            output and of the output's hidden layer.
        image_grid: int, side of the square of locations, for kernels above
            1; None for the network's.
        alpha_1_c, alpha_2_c: float, weights of the penalty on the spatial
            attention of the first and second map (see `CoveragePenalty`).
        beta_1_c, beta_2_c: the same for channels.
        attended_layers: int, how many of the network's maps are attended:
            2, or the last alone, 1.
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`. Attention has weights
    (B, N, K) and channels (B, N, C), both of the last attended map, as far
    as the order has them.

    Raises:
        ValueError: features of another width, an unknown network or order, a
            penalty on attention that there is none of; at a call, a mask
            where a sub-network looks at neighbours.

    Example:
        >>> model = ScaCnn(vocabulary_size=9488, channels=960)
        >>> model.start_from_network("mobilenet_v2.weights.h5")

    Reference:
        Chen et al., 2017, "SCA-CNN: spatial and channel-wise attention in
        convolutional networks for image captioning". Scalars added to
        scores are left out: a softmax cancels them.
    """

    def __init__(
        self,
        vocabulary_size,
        channels,
        network="mobilenetv2",
        attended=None,
        attention_order="C-S",
        lstm_dim=512,
        emb_dim=512,
        z_dim=512,
        selector=False,
        prev2out=True,
        ctx2out=False,
        dropout=0.0,
        image_grid=None,
        alpha_1_c=0.0,
        alpha_2_c=0.0,
        beta_1_c=0.0,
        beta_2_c=0.0,
        attended_layers=2,
        **kwargs,
    ):
        # Config
        self.policy = kwargs.pop("dtype", None)
        self.vocabulary_size = vocabulary_size
        self.channels = channels
        self.network = network
        self.attended = attended
        self.attention_order = attention_order
        self.lstm_dim = lstm_dim
        self.emb_dim = emb_dim
        self.z_dim = z_dim
        self.selector = selector
        self.prev2out = prev2out
        self.ctx2out = ctx2out
        self.dropout = dropout
        self.image_grid = image_grid
        self.alpha_1_c = alpha_1_c
        self.alpha_2_c = alpha_2_c
        self.beta_1_c = beta_1_c
        self.beta_2_c = beta_2_c
        self.attended_layers = attended_layers
        self._make_layers(
            attended_maps(network, attended, channels, attended_layers)
        )
        inputs = caption_inputs(channels)
        super().__init__(inputs=inputs, outputs=self._graph(inputs), **kwargs)

    def _make_layers(self, maps):
        policy = {"dtype": self.policy}
        grid = self.image_grid or NETWORKS.get(self.network, {}).get("grid", 7)

        def dense(width, name, **more):
            return RowDense(width, **policy, name=name, **more)

        self.width = maps[0]["channels"]
        self.kept = KeptLocations(**policy, name="kept")
        self.start_dense = dense(2 * self.lstm_dim, "start", activation="tanh")
        self.embedding = keras.layers.Embedding(
            self.vocabulary_size,
            self.emb_dim,
            embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
            **policy,
            name="embedding",
        )
        self.zero_first = ZeroFirst(**policy, name="zero_first")
        self.decoder = ScaLSTM(
            self.lstm_dim,
            self.z_dim,
            maps,
            self.attention_order,
            self.selector,
            (grid, grid),
            **policy,
            name="decoder",
        )
        # Before encode() calls parts of it: weights get their full names.
        self.decoder.build((None, None, None, self.emb_dim))
        self.hidden_dense = dense(self.emb_dim, "hidden")
        self.context_dense = None
        if self.ctx2out:
            self.context_dense = dense(self.emb_dim, "context", use_bias=False)
        self.hidden_drop = self._drop("hidden_drop")
        self.output_drop = self._drop("output_drop")
        self.output_dense = dense(self.vocabulary_size, "output")

    def _drop(self, name):
        return keras.layers.Dropout(self.dropout, dtype=self.policy, name=name)

    def _graph(self, inputs):
        tokens, mask = inputs["tokens"], inputs["mask"]
        memory = self.encode(inputs)
        words = self.zero_first(self.embedding(tokens))  # (B, N, T, E)
        seen = self.decoder(
            words,
            memory["values"],
            memory["known"],
            memory["start"],
            memory.get("side"),
            mask,
        )
        seen["hidden"] = self._penalized(seen, tokens, mask)
        by_image = WordsOfImage(dtype=self.policy, name="words_of_image")
        shown = self._merge(
            by_image(seen["hidden"], inputs["slots"]),
            by_image(words, inputs["slots"]),
            by_image(seen["context"], inputs["slots"]),
        )
        real = RealWords(dtype=self.policy, name="real_words")
        logits = self._predict(real(shown, inputs["words"]))
        return Captions(dtype="float32", name="captions")(
            logits, tokens, inputs["words"]
        )

    def _penalized(self, seen, tokens, mask):
        """The states (B, N, T, U), penalties on attention attached."""
        hidden = seen["hidden"]
        real = TokenMask(name="real")(tokens)
        for name, weight, locations in (
            ("weights_1", self.alpha_1_c, mask),
            ("weights_2", self.alpha_2_c, mask),
            ("channels_1", self.beta_1_c, None),
            ("channels_2", self.beta_2_c, None),
        ):
            if weight and name not in seen:
                raise ValueError(
                    f"a penalty on {name}, which there are none of"
                )
            if weight:
                penalty = CoveragePenalty(weight, name=f"penalty_{name}")
                hidden = penalty(hidden, seen[name], real, locations)
        return hidden

    def encode(self, inputs, training=None):
        mask = inputs.get("mask")
        features = self.kept(inputs["features"], mask)
        values, side = features[..., : self.width], None
        memory = {
            "values": values,  # (B, K, C)
            "known": self.decoder.prepare(values, mask),
        }
        if self.channels > self.width:
            side = memory["side"] = features[..., self.width :]  # (B, K, R)
        start = self.decoder.unattended(values, side, mask)
        memory["start"] = self.start_dense(start)  # (B, 2U)
        if mask is not None:
            memory["mask"] = mask  # (B, K)
        return memory

    def initial_state(self, memory, count):
        state = self.decoder.beginning(memory["start"], count)
        return *state, ops.zeros_like(state[0][..., :1])

    def step(self, tokens, state, memory, training=None):
        *state, begun = state  # 0 before the first word, then 1
        words = self.embedding(tokens) * begun  # (B, N, E)
        seen, state = self.decoder.step(
            self.decoder.word_dense(words),
            tuple(state),
            memory,
            memory.get("mask"),
        )
        shown = self._merge(seen["hidden"], words, seen["context"], training)
        logits = ops.cast(self._predict(shown, training), "float32")
        last = len(self.decoder.maps)
        looked = {
            name: seen[f"{name}_{last}"]
            for name in ("weights", "channels")
            if f"{name}_{last}" in seen
        }
        return logits, (*state, ops.ones_like(begun)), looked

    def _merge(self, hidden, words, context, training=None):
        """What the output layer reads (B, Q, E), of Q words an image."""
        shown = self.hidden_dense(self.hidden_drop(hidden, training=training))
        if self.prev2out:
            shown = shown + words
        if self.ctx2out:
            shown = shown + self.context_dense(context)
        return ops.tanh(shown)

    def _predict(self, shown, training=None):
        return self.output_dense(self.output_drop(shown, training=training))

    def start_from_network(self, weights_path):
        """Gives the sub-networks the weights of the picture network.

        Does nothing where `network` is None, or only its last map attended.

        Args:
            weights_path: of a file saved from the network without its top,
                or "imagenet".

        Raises:
            ValueError: the file is not there, or of another network.
        """
        operations = [one for one in self.decoder.networks if one.then]
        if self.network is None or not operations:
            return
        network = pretrained(self.network, weights_path)
        for each in operations:
            each.copy_from(network)

    def get_config(self):
        attended = self.attended
        return {
            "name": self.name,
            "dtype": self.embedding.dtype_policy.name,
            "vocabulary_size": self.vocabulary_size,
            "channels": self.channels,
            "network": self.network,
            "attended": None if attended is None else plain(attended),
            "attention_order": self.attention_order,
            "lstm_dim": self.lstm_dim,
            "emb_dim": self.emb_dim,
            "z_dim": self.z_dim,
            "selector": self.selector,
            "prev2out": self.prev2out,
            "ctx2out": self.ctx2out,
            "dropout": self.dropout,
            "image_grid": self.image_grid,
            "alpha_1_c": self.alpha_1_c,
            "alpha_2_c": self.alpha_2_c,
            "beta_1_c": self.beta_1_c,
            "beta_2_c": self.beta_2_c,
            "attended_layers": self.attended_layers,
        }

"""SCA-CNN: channel and spatial attention inside the picture network."""

import keras
from keras import ops

from imcap.layers.cnn.network_ends import (
    NETWORKS,
    attended_maps,
    load_pretrained_network,
)
from imcap.layers.masking import LocationMasking, TokenMask
from imcap.layers.packing import Packing
from imcap.layers.penalties import CoveragePenalty
from imcap.layers.recurrent.lstm import spread_state
from imcap.layers.recurrent.sca_lstm import ScaLSTM, ZeroFirst, attended_config
from imcap.models.recurrent_captioner import RecurrentCaptioner


@keras.saving.register_keras_serializable(package="imcap")
class ScaCnn(RecurrentCaptioner):
    """SCA-CNN: the end of the picture network, anew for each word.

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
        self.network = network
        self.attended = attended
        self.attention_order = attention_order
        self.selector = selector
        self.prev2out = prev2out
        self.ctx2out = ctx2out
        self.image_grid = image_grid
        self.alpha_1_c = alpha_1_c
        self.alpha_2_c = alpha_2_c
        self.beta_1_c = beta_1_c
        self.beta_2_c = beta_2_c
        self.attended_layers = attended_layers
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
        policy = {"dtype": self.policy}
        maps = attended_maps(
            self.network, self.attended, self.channels, self.attended_layers
        )
        grid = self.image_grid or NETWORKS.get(self.network, {}).get("grid", 7)
        self.width = maps[0]["channels"]
        self.mask_locations = LocationMasking(**policy, name="mask_locations")
        self.start_dense = self._dense(2 * self.lstm_dim, "start", "tanh")
        self.embedding = self._word_table()
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
        self.hidden_dense = self._dense(self.emb_dim, "hidden")
        self.context_dense = None
        if self.ctx2out:
            self.context_dense = self._dense(
                self.emb_dim, "context", use_bias=False
            )
        self.hidden_drop = self._drop("hidden_drop")
        self.output_drop = self._drop("output_drop")
        self.output_dense = self._dense(self.vocabulary_size, "output")

    def _graph(self, inputs):
        tokens, mask = inputs["tokens"], inputs["mask"]
        memory = self.encode(inputs)
        words = self.zero_first(self._embed(tokens))  # (B, N, T, E)
        outputs = self.decoder(
            words,
            memory["values"],
            memory["known"],
            memory["start"],
            memory.get("side"),
            mask,
        )
        hidden = self._penalized(outputs, tokens, mask)
        packing = Packing(inputs, self.policy)
        rows = self._merge(
            packing.by_image(hidden),
            packing.by_image(words),
            packing.by_image(outputs["context"]),
        )
        return packing.captions(self._predict(packing.real(rows)))

    def _penalized(self, outputs, tokens, mask):
        """The states (B, N, T, U), penalties on attention attached."""
        hidden = outputs["hidden"]
        real = TokenMask(name="real")(tokens)
        for name, weight, locations in (
            ("weights_1", self.alpha_1_c, mask),
            ("weights_2", self.alpha_2_c, mask),
            ("channels_1", self.beta_1_c, None),
            ("channels_2", self.beta_2_c, None),
        ):
            if weight and name not in outputs:
                raise ValueError(
                    f"a penalty on {name}, which there are none of"
                )
            if weight:
                penalty = CoveragePenalty(weight, name=f"penalty_{name}")
                hidden = penalty(hidden, outputs[name], real, locations)
        return hidden

    def _values(self, inputs, training=None):
        return self.mask_locations(inputs["features"], inputs["mask"])

    def _memory(self, values, mask):
        first = values[..., : self.width]
        memory = {
            "values": first,  # (B, K, C)
            "known": self.decoder.prepare(first, mask),
        }
        if self.channels > self.width:
            memory["side"] = values[..., self.width :]  # (B, K, R)
        start = self.decoder.unattended(first, memory.get("side"), mask)
        memory["start"] = self.start_dense(start)  # (B, 2U)
        return memory

    def initial_state(self, memory, count):
        state = spread_state(memory["start"], count)
        return *state, ops.zeros_like(state[0][..., :1])

    def _embed(self, tokens, training=None):
        return self.embedding(tokens)

    def _advance(self, words, state, memory):
        *state, begun = state  # 0 before the first word, then 1
        words = words * begun  # (B, N, E)
        outputs, state = self.decoder.step(
            self._gates(words, memory),
            tuple(state),
            memory,
            memory.get("mask"),
        )
        return outputs | {"words": words}, (*state, ops.ones_like(begun))

    def _read_out(self, words, outputs, memory, training=None):
        rows = self._merge(
            outputs["hidden"], outputs["words"], outputs["context"], training
        )
        last = len(self.decoder.maps)
        return rows, {
            name: outputs[f"{name}_{last}"]
            for name in ("weights", "channels")
            if f"{name}_{last}" in outputs
        }

    def _merge(self, hidden, words, context, training=None):
        """What the output layer reads (B, Q, E), of Q words an image."""
        rows = self.hidden_dense(self.hidden_drop(hidden, training=training))
        if self.prev2out:
            rows = rows + words
        if self.ctx2out:
            rows = rows + self.context_dense(context)
        return ops.tanh(rows)

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
        network = load_pretrained_network(self.network, weights_path)
        for each in operations:
            each.copy_from(network)

    def get_config(self):
        attended = self.attended
        return {
            **super().get_config(),
            "network": self.network,
            "attended": None if attended is None else attended_config(attended),
            "attention_order": self.attention_order,
            "selector": self.selector,
            "prev2out": self.prev2out,
            "ctx2out": self.ctx2out,
            "image_grid": self.image_grid,
            "alpha_1_c": self.alpha_1_c,
            "alpha_2_c": self.alpha_2_c,
            "beta_1_c": self.beta_1_c,
            "beta_2_c": self.beta_2_c,
            "attended_layers": self.attended_layers,
        }

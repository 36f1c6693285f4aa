"""Show, Attend and Tell: attention feeds the LSTM at every word."""

import keras
from keras import ops

from imcap.layers.cnn.feature_normalization import FeatureNormalization
from imcap.layers.masking import LocationMasking, MaskedMean, TokenMask
from imcap.layers.packing import Packing
from imcap.layers.penalties import DoublyStochastic, HardAttentionLoss
from imcap.layers.recurrent.attending_lstm import AttendingLSTM, Draws
from imcap.layers.recurrent.lstm import spread_state
from imcap.models.recurrent_captioner import RecurrentCaptioner


@keras.saving.register_keras_serializable(package="imcap")
class ShowAttendTell(RecurrentCaptioner):
    """Show, Attend and Tell: soft or hard attention in the recurrence.

    `a = BatchNorm(V)`, `h_0, c_0 = W mean(a) + b`,
    `α, h_t = AttendingLSTM(E w_{t−1}, a, h_{t−1})`, `z = β Σ_k α_k a_k`,
    `p = softmax(W (W_h h_t + W_z z + E w_{t−1}))`.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        lstm_dim: int, width of the LSTM.
        emb_dim: int, width of words and of the output's hidden layer.
        z_dim: int, width of the score's hidden layer.
        use_selector: bool, the scalar gate β on z.
        score_activation: "tanh" (the paper) or "relu".
        initial_state: "linear", or "mlp" for tanh of it (the paper's code).
        deep_output: "linear", or "tanh" before W (the paper's code).
        dropout: float, share dropped (in training) of h on its way to the
            output, of the embedding and, with deep_output "tanh", of the
            output's hidden layer. Never of what the recurrence keeps.
        alpha_c: float, weight of the doubly stochastic penalty, per
            caption; 0 for none.
        hard_attention: bool, train with drawn locations and REINFORCE.
        eos_id: int, the word that ends captions; for hard attention.
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`. Attention has weights
    (B, N, K) and, with the selector, "gate", β.

    Example:
        >>> model = ShowAttendTell(vocabulary_size=9488, channels=2048)

    Reference:
        Xu et al., 2015, "Show, attend and tell: neural image caption
        generation with visual attention". As in the published ResNet
        reimplementation, features are batch-normalised and β is a switch of
        its own; the paper has an MLP for the initial state and tanh in the
        output, `initial_state="mlp", deep_output="tanh"`.
    """

    def __init__(
        self,
        vocabulary_size,
        channels,
        lstm_dim=512,
        emb_dim=512,
        z_dim=512,
        use_selector=True,
        score_activation="tanh",
        initial_state="linear",
        deep_output="linear",
        dropout=0.0,
        alpha_c=1.0,
        hard_attention=False,
        eos_id=0,
        **kwargs,
    ):
        if initial_state not in ("linear", "mlp"):
            raise ValueError("initial_state must be 'linear' or 'mlp'")
        if deep_output not in ("linear", "tanh"):
            raise ValueError("deep_output must be 'linear' or 'tanh'")
        # Config
        self.use_selector = use_selector
        self.score_activation = score_activation
        self.initial = initial_state
        self.deep_output = deep_output
        self.alpha_c = alpha_c
        self.hard_attention = hard_attention
        self.eos_id = eos_id
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
        squash = "tanh" if self.initial == "mlp" else None
        self.mask_locations = LocationMasking(**policy, name="mask_locations")
        self.norm = FeatureNormalization(**policy, name="norm")
        self.mean = MaskedMean(**policy, name="mean")
        self.start_dense = self._dense(2 * self.lstm_dim, "start", squash)
        self.embedding = self._word_table()
        self.decoder = AttendingLSTM(
            self.lstm_dim,
            self.z_dim,
            activation=self.score_activation,
            use_selector=self.use_selector,
            **policy,
            name="decoder",
        )
        self.context_dense = self._dense(
            self.emb_dim, "context", use_bias=False
        )
        self.hidden_dense = self._dense(self.emb_dim, "hidden")
        self.hidden_drop = self._drop("hidden_drop")
        self.output_drop = self._drop("output_drop")
        self.output_dense = self._dense(self.vocabulary_size, "output")

    def _graph(self, inputs):
        tokens, mask = inputs["tokens"], inputs["mask"]
        values = self._values(inputs)
        draws = None
        if self.hard_attention:
            draws = Draws(name="draws")(tokens)
        words = self._embed(tokens)  # (B, N, T, E)
        outputs = self.decoder(
            words, values, self._start(values, mask), mask, draws
        )
        real = TokenMask(name="real")(tokens)
        hidden = DoublyStochastic(self.alpha_c, name="doubly_stochastic")(
            outputs["hidden"], outputs["weights"], real, mask
        )
        packing = Packing(inputs, self.policy)
        gate = outputs.get("gate")
        if gate is not None:
            gate = packing.by_image(gate[..., None])
        rows = self._merge(
            packing.by_image(words),
            packing.by_image(hidden),
            packing.by_image(outputs["weights"]),
            gate,
            self.context_dense(values),
        )
        logits = packing.captions(self._predict(packing.real(rows)))
        if not self.hard_attention:
            return logits
        return HardAttentionLoss(self.eos_id, name="hard_attention")(
            logits,
            tokens,
            real,
            outputs["weights"],
            outputs["soft"],
            inputs["slots"],
            inputs["words"],
        )

    def _values(self, inputs, training=None):
        mask = inputs["mask"]
        features = self.mask_locations(inputs["features"], mask)
        return self.norm(features, mask, training=training)  # (B, K, D)

    def _memory(self, values, mask):
        return {
            **super()._memory(values, mask),
            "contexts": self.context_dense(values),  # (B, K, E)
            "start": self._start(values, mask),  # (B, 2U)
        }

    def _start(self, values, mask):
        return self.start_dense(self.mean(values, mask))

    def initial_state(self, memory, count):
        return spread_state(memory["start"], count)

    def _embed(self, tokens, training=None):
        return self.embedding(tokens)

    def _read_out(self, words, outputs, memory, training=None):
        weights, gate = outputs["weights"], outputs.get("gate")
        attention = {"weights": weights}
        if gate is not None:
            attention["gate"] = gate
            gate = gate[..., None]
        rows = self._merge(
            words,
            outputs["hidden"],
            weights,
            gate,
            memory["contexts"],
            training,
        )
        return rows, attention

    def _merge(self, words, hidden, weights, gate, contexts, training=None):
        """What the output layer reads (B, Q, E), of Q words an image."""
        hidden = self.hidden_drop(hidden, training=training)
        context = ops.matmul(weights, contexts)
        if gate is not None:
            context = gate * context
        rows = self.hidden_dense(hidden) + context + words
        return ops.tanh(rows) if self.deep_output == "tanh" else rows

    def _predict(self, rows, training=None):
        if self.deep_output == "tanh":
            rows = self.output_drop(rows, training=training)
        return self.output_dense(rows)

    def get_config(self):
        return {
            **super().get_config(),
            "use_selector": self.use_selector,
            "score_activation": self.score_activation,
            "initial_state": self.initial,
            "deep_output": self.deep_output,
            "alpha_c": self.alpha_c,
            "hard_attention": self.hard_attention,
            "eos_id": self.eos_id,
        }

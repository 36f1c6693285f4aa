"""Up-Down: bottom-up and top-down attention."""

import keras

from imcap.layers.masking import MaskedMean
from imcap.layers.recurrent.top_down_lstm import TopDownLSTM
from imcap.models.recurrent_captioner import RecurrentCaptioner


@keras.saving.register_keras_serializable(package="imcap")
class UpDown(RecurrentCaptioner):
    """Up-Down: an LSTM that attends to regions, and one that speaks.

    `v_k = relu(W V_k + b)`, `h = TopDownLSTM(relu(E w), mean(v), v)`,
    `p = softmax(W_p h² + b)`.

    Args:
        vocabulary_size, channels, lstm_dim, emb_dim, z_dim, dropout: as in
            `RecurrentCaptioner`.
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

    state_parts = 4  # h¹, c¹, h² and c²

    def _make_layers(self):
        super()._make_layers()
        self.pool = MaskedMean(dtype=self.policy, name="pool")

    def _make_decoder(self):
        return TopDownLSTM(
            self.lstm_dim, self.z_dim, dtype=self.policy, name="decoder"
        )

    def _recur(self, words, values, mask):
        image = self.pool(values, mask)  # (B, U)
        return self.decoder(words, image, values, mask)

    def _memory(self, values, mask):
        image = self.pool(values, mask)
        return {**super()._memory(values, mask), "image": image}

    def _gates(self, words, memory):
        image = self.decoder.image_dense(memory["image"])[:, None]
        return super()._gates(words, memory) + image

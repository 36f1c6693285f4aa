"""Att2in, the captioner of self-critical sequence training."""

import keras

from imcap.layers.recurrent.attended_input_lstm import AttendedInputLSTM
from imcap.models.recurrent_captioner import RecurrentCaptioner


@keras.saving.register_keras_serializable(package="imcap")
class Att2in(RecurrentCaptioner):
    """Att2in: attention reaches the LSTM's candidate alone.

    `v_k = relu(W V_k + b)`, `h = AttendedInputLSTM(relu(E w), v)`,
    `p = softmax(W_p h + b)`.

    Args:
        vocabulary_size, channels, lstm_dim, emb_dim, z_dim, dropout: as in
            `RecurrentCaptioner`.
        **kwargs: see `keras.Model`.

    Call arguments, returns: see `Captioner`. Attention has weights
    (B, N, K).

    Example:
        >>> model = Att2in(vocabulary_size=9488, channels=2048)

    Reference:
        Rennie et al., 2017, "Self-critical sequence training for image
        captioning", section 2.2. As in the published PyTorch code, features
        pass a ReLU layer first and states begin at zero.
    """

    def _make_decoder(self):
        return AttendedInputLSTM(
            self.lstm_dim, self.z_dim, dtype=self.policy, name="decoder"
        )

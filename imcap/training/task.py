"""A captioner wrapped for training: perhaps with its CNN, perhaps reading
its own words."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class CaptioningTask(keras.Model):
    """What `fit` trains: captioner, optional CNN, scheduled sampling.

    Args:
        captioner: a `Captioner`.
        encoder: model of images (B, H, W, 3) to maps (B, h, w, D), trained
            along where its layers are trainable; None reads features.
        **kwargs: see `keras.Model`.

    Call arguments:
        inputs: dict for the captioner, with images (B, H, W, 3) instead of
            features where there is an encoder.
        training: bool.

    Returns:
        The captioner's logits.

    Example:
        >>> task = CaptioningTask(captioner)
        >>> task.compile("adam", WordCrossEntropy())

    Reference:
        Bengio et al., 2015, and Mihaylova and Martins, 2019, for scheduled
        sampling in two passes.
    """

    def __init__(self, captioner, encoder=None, **kwargs):
        super().__init__(**kwargs)
        self.captioner = captioner
        self.encoder = encoder
        # Share of input words replaced by the model's own, set by epoch.
        self.own_words = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="own_words"
        )
        self.samples_own_words = False
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.built = True

    def features(self, inputs, training=None):
        """The inputs with images turned into features (B, K, D)."""
        if self.encoder is None:
            return inputs
        maps = self.encoder(inputs["images"], training=training)
        shape = (ops.shape(maps)[0], -1, maps.shape[-1])
        rest = {k: v for k, v in inputs.items() if k != "images"}
        return rest | {"features": ops.reshape(maps, shape)}

    def call(self, inputs, training=None):
        inputs = self.features(inputs, training)
        if training and self.samples_own_words:
            inputs = inputs | {"tokens": self._mixed_tokens(inputs)}
        return self.captioner(inputs, training=training)

    def _mixed_tokens(self, inputs):
        """Tokens (B, N, T), some replaced by what a first pass would say."""
        plain = {
            key: value
            for key, value in inputs.items()
            if key not in ("slots", "words")
        }
        tokens = inputs["tokens"]
        logits = ops.stop_gradient(self.captioner(plain, training=True))
        said = ops.cast(ops.argmax(logits, axis=-1), "int32")
        # The word said at t is read at t + 1; bos stays.
        read = ops.concatenate([tokens[:, :, :1], said[:, :, :-1]], axis=2)
        drawn = keras.random.uniform(
            ops.shape(tokens), seed=self.seed_generator
        )
        first = ops.arange(ops.shape(tokens)[2]) == 0
        replaced = ops.logical_and(drawn < self.own_words, ~first)
        return ops.where(replaced, read, tokens)

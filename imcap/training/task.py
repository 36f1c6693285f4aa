"""Captioning task: what `fit` trains, by cross-entropy or self-critically."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class CaptioningTask(keras.Model):
    """Captioner with an optional CNN, trained by cross-entropy or SCST.

    `compile` says of what a phase of training learns; a training that goes
    on to another phase compiles anew, with the same optimizer.

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
        >>> task.fit(batches, epochs=20)
        >>> task.compile(task.optimizer, WordCrossEntropy(), self_critical=scst)

    Reference:
        Bengio et al., 2015, and Mihaylova and Martins, 2019, for scheduled
        sampling in two passes.
    """

    def __init__(self, captioner, encoder=None, **kwargs):
        super().__init__(**kwargs)
        self.captioner = captioner
        self.encoder = encoder
        # Share of input words replaced by the model's own, set by epoch.
        self.scheduled_sampling_rate = self.add_weight(
            shape=(),
            initializer="zeros",
            trainable=False,
            name="scheduled_sampling_rate",
        )
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.scheduled_sampling = False
        self.self_critical = None
        self.entropy_weight = 0.0
        self.built = True

    def compile(
        self,
        *args,
        scheduled_sampling=False,
        self_critical=None,
        entropy_weight=0.0,
        **kwargs,
    ):
        """`keras.Model.compile`, and what the next phase learns from.

        Args:
            *args, **kwargs: as in Keras.
            scheduled_sampling: bool, have `scheduled_sampling_rate` of the
                words that are read be the model's own.
            self_critical: `SelfCritical`, whose samples are learnt in the
                place of people's captions; None for cross-entropy.
            entropy_weight: float, weight of the entropy of words in the
                self-critical loss.
        """
        self.scheduled_sampling = scheduled_sampling
        self.self_critical = self_critical
        self.entropy_weight = entropy_weight
        super().compile(*args, **kwargs)

    @property
    def metrics(self):
        own = self.self_critical.metrics if self.self_critical else []
        return [*super().metrics, *own]

    def train_step(self, *arguments):
        """One update; self-critical, where it is set, of samples."""
        if self.self_critical is None:
            return super().train_step(*arguments)
        *state, data = arguments
        if not state:  # TensorFlow's variables change by themselves
            return super().train_step(self.self_critical(self, data))
        state, data = self._stateless_samples(*state, data)
        return super().train_step(state, data)

    def _stateless_samples(self, state, data):
        """What JAX wants: the state after sampling, handed on."""
        trained, fixed, optimized, measured = state
        variables = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.metrics_variables,
        )
        values = (trained, fixed, measured)
        pairs = [
            pair
            for some, their in zip(variables, values, strict=True)
            for pair in zip(some, their, strict=True)
        ]
        with keras.StatelessScope(state_mapping=pairs) as scope:
            data = self.self_critical(self, data)

        def now(some):
            return [scope.get_current_value(variable) for variable in some]

        fixed, measured = now(variables[1]), now(variables[2])
        return (trained, fixed, optimized, measured), data

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if self.self_critical is not None:
            y_pred = self.self_critical.drawn_from(y_pred, x.get("sampled"))
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if self.self_critical is None or not self.entropy_weight:
            return loss
        real = ops.ones_like(sample_weight)
        if x.get("words") is None:
            real = ops.cast(self.captioner.token_mask(x["tokens"]), "float32")
        logs = ops.log_softmax(y_pred, axis=-1)
        entropy = -ops.sum(ops.exp(logs) * logs, axis=-1)
        mean = ops.sum(real * entropy) / ops.sum(real)
        return loss - self.entropy_weight * mean

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
        own = ("references", "sampled")  # of the step, not the captioner
        inputs = {k: v for k, v in inputs.items() if k not in own}
        if training and self.scheduled_sampling:
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
        predicted = ops.cast(ops.argmax(logits, axis=-1), "int32")
        # The word predicted at t is read at t + 1; bos stays.
        read = ops.concatenate([tokens[:, :, :1], predicted[:, :, :-1]], axis=2)
        drawn = keras.random.uniform(
            ops.shape(tokens), seed=self.seed_generator
        )
        first = ops.arange(ops.shape(tokens)[2]) == 0
        replaced = ops.logical_and(drawn < self.scheduled_sampling_rate, ~first)
        return ops.where(replaced, read, tokens)

    def get_config(self):
        return {
            "name": self.name,
            "captioner": keras.saving.serialize_keras_object(self.captioner),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
        }

    @classmethod
    def from_config(cls, config):
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("captioner", "encoder")
        }
        return cls(**(config | parts))

"""Optimizers by name, with a rate of their own for some weights."""

import keras


@keras.saving.register_keras_serializable(package="imcap")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, in one pass over each weight on TensorFlow.

    The update is Adam's own; written as separate operations it reads and
    writes every weight ten times, which shows where a step is short. A word
    that a batch holds twice has one gradient, the sum, as on other backends;
    Keras on TensorFlow clips and squares its parts.

    Args:
        slower: dict of beginnings of weight paths to factors on their rate.
            The name of a Functional model is no part of its weights' paths.
        **kwargs: see `keras.optimizers.Adam`.

    Example:
        >>> Adam(5e-4, clipvalue=0.1, slower={"encoder": 0.1})
    """

    def __init__(self, *args, slower=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.slower = dict(slower or {})

    def build(self, variables):
        super().build(variables)
        for beginning in self.slower:
            if not any(v.path.startswith(beginning) for v in variables):
                raise ValueError(
                    f"no trained weight has a path like {beginning!r}, whose "
                    "rate was to be slower"
                )

    def apply(self, grads, trainable_variables=None):
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # A lookup's gradient is sparse, with one part an occurrence.
            grads = [
                gradient if gradient is None else tf.convert_to_tensor(gradient)
                for gradient in grads
            ]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        # TensorFlow hands over its own variable, which has no path.
        index = self._get_variable_index(variable)
        path = self._trainable_variables[index].path
        for beginning, factor in self.slower.items():
            if path.startswith(beginning):
                learning_rate = learning_rate * factor
        if keras.backend.backend() == "tensorflow" and not self.amsgrad:
            return self._one_pass(gradient, index, learning_rate)
        return super().update_step(gradient, variable, learning_rate)

    def _one_pass(self, gradient, index, learning_rate):
        import tensorflow as tf

        variable = self._trainable_variables[index]
        dtype = variable.dtype
        count = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.cast(self.beta_1, dtype) ** count,
            beta2_power=tf.cast(self.beta_2, dtype) ** count,
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )

    def get_config(self):
        config = super().get_config()
        config.update(slower=self.slower)
        return config


OPTIMIZERS = {
    "adam": Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "sgdm": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
}


def make_optimizer(
    name,
    learning_rate,
    alpha=0.9,
    beta=0.999,
    epsilon=1e-8,
    weight_decay=0.0,
    clip_value=0.0,
    clip_norm=0.0,
    accumulate=1,
    average=0.0,
    slower=None,
    scale_loss=False,
):
    """An optimizer by its name on the command line.

    Args:
        name: one of `OPTIMIZERS`.
        learning_rate: float or a `Schedule`.
        alpha: float, Adam's first β, the momentum of sgdm, rmsprop's ρ.
        beta: float, Adam's second β.
        epsilon: float.
        weight_decay: float, decoupled from the gradient; 0 for none.
        clip_value: float, bound on each entry of the gradient; 0 for none.
        clip_norm: float, bound on the norm over all weights; 0 for none.
        accumulate: int, batches whose gradients make one update.
        average: float, momentum of a running mean of the weights, kept beside
            them for `callbacks.SwapAverages`; 0 for none.
        slower: dict for `Adam`.
        scale_loss: bool, for float16, whose smallest numbers are larger than
            many gradients: the loss is multiplied, as far as nothing
            overflows, and gradients divided again.

    Returns:
        A `keras.optimizers.Optimizer`.
    """
    options = _own_options(name, alpha, beta, epsilon, slower)
    optimizer = OPTIMIZERS[name](
        learning_rate,
        weight_decay=weight_decay or (0.0 if name == "adamw" else None),
        clipvalue=clip_value or None,
        global_clipnorm=clip_norm or None,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        use_ema=bool(average),
        ema_momentum=average or 0.99,
        **options,
    )
    # Keras ends each `fit` by putting the mean in the place of the weights;
    # training must go on from the weights.
    optimizer.finalize_variable_values = lambda weights: None
    # `compile` would do it for models that are of one precision as a whole.
    if scale_loss:
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def _own_options(name, alpha, beta, epsilon, slower):
    """What one kind of optimizer takes and others do not."""
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}; know {[*OPTIMIZERS]}")
    if slower and name != "adam":
        raise ValueError("a rate of its own for the CNN needs --optim adam")
    moments = {"beta_1": alpha, "beta_2": beta, "epsilon": epsilon}
    return {
        "adam": {**moments, "slower": slower},
        "adamw": moments,
        "sgdm": {"momentum": alpha},
        "rmsprop": {"rho": alpha, "epsilon": epsilon},
        "adadelta": {"rho": 0.95, "epsilon": 1e-6},
    }.get(name, {})

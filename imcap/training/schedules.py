"""Learning rate schedules."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate: constant, stepwise, cosine or Noam, after a warm-up.

    `constant`: r. `step`: r · rate^⌊(epoch − start) / every⌋ from epoch
    `start` on. `cosine`: from r down to 0 at the last step. `noam`:
    factor · d^−½ · min(s^−½, s · warmup^−3/2), s counted from 1; r is unused.

    Args:
        kind: "constant", "step", "cosine" or "noam".
        learning_rate: float r.
        steps_per_epoch: int.
        epochs: int, for cosine.
        warmup: int, steps of linear growth from 0 (noam: its peak).
        decay_start: int, epoch where steps begin; below 0 never.
        decay_every: int, epochs a step.
        decay_rate: float.
        factor: float, for noam.
        width: int d, for noam.

    Example:
        >>> keras.optimizers.Adam(Schedule("step", 5e-4, 600, decay_start=0))

    Reference:
        Vaswani et al., 2017, section 5.3, for noam.
    """

    KINDS = ("constant", "step", "cosine", "noam")

    def __init__(
        self,
        kind,
        learning_rate,
        steps_per_epoch=1,
        epochs=1,
        warmup=0,
        decay_start=-1,
        decay_every=3,
        decay_rate=0.8,
        factor=1.0,
        width=512,
    ):
        super().__init__()
        if kind not in self.KINDS:
            raise ValueError(f"unknown schedule {kind!r}; know {self.KINDS}")
        if kind == "noam" and warmup < 1:
            raise ValueError("noam needs a warm-up of at least one step")
        self.kind = kind
        self.learning_rate = learning_rate
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs
        self.warmup = warmup
        self.decay_start = decay_start
        self.decay_every = decay_every
        self.decay_rate = decay_rate
        self.factor = factor
        self.width = width

    def __call__(self, step):
        step = ops.cast(step, "float32")
        if self.kind == "noam":
            number = step + 1
            rise = number * self.warmup**-1.5
            return (
                self.factor
                * self.width**-0.5
                * ops.minimum(ops.rsqrt(number), rise)
            )
        rate = self.learning_rate * self._share(step)
        if self.warmup:
            rate = rate * ops.minimum(1.0, (step + 1) / self.warmup)
        return rate

    def _share(self, step):
        if self.kind == "cosine":
            done = step / (self.steps_per_epoch * self.epochs)
            return 0.5 * (1 + ops.cos(math.pi * ops.minimum(done, 1.0)))
        if self.kind == "step" and self.decay_start >= 0:
            epoch = ops.floor(step / self.steps_per_epoch)
            falls = ops.floor((epoch - self.decay_start) / self.decay_every)
            return self.decay_rate ** ops.maximum(falls, 0.0)
        return ops.ones_like(step)

    def get_config(self):
        names = (
            "kind learning_rate steps_per_epoch epochs warmup decay_start "
            "decay_every decay_rate factor width"
        )
        return {name: getattr(self, name) for name in names.split()}


@keras.saving.register_keras_serializable(package="imcap")
class Switched(keras.optimizers.schedules.LearningRateSchedule):
    """One schedule up to a step, and a constant rate from it on.

    Args:
        first: a `LearningRateSchedule`.
        step: int, from which on `rate` holds.
        rate: float.

    Example:
        >>> Switched(Schedule("cosine", 5e-4, 600, 12), 7200, 1e-5)
    """

    def __init__(self, first, step, rate):
        super().__init__()
        self.first = first
        self.step = step
        self.rate = rate

    def __call__(self, step):
        return ops.where(
            ops.cast(step, "float32") < self.step, self.first(step), self.rate
        )

    def get_config(self):
        first = keras.saving.serialize_keras_object(self.first)
        return {"first": first, "step": self.step, "rate": self.rate}

    @classmethod
    def from_config(cls, config):
        first = keras.saving.deserialize_keras_object(config["first"])
        return cls(**(config | {"first": first}))

"""The ranking loss that begins with all wrong pairs, then keeps the worst."""

import keras
from keras import ops

from imcap.training.ranking import RankingHinge


@keras.saving.register_keras_serializable(package="imcap")
class HardeningHinge(RankingHinge):
    """`RankingHinge` whose `max_violation` can be switched on in training.

    Where few pairs are known, the worst wrong pair alone pulls everything
    to one point: the loss rests at 2 B m. Some epochs of the sum lead past
    that place.

    Args:
        **kwargs: see `RankingHinge`; `max_violation` is not among them.

    Attributes:
        hardest: scalar variable, 0 for the sum, 1 for the worst.

    Example:
        >>> loss = HardeningHinge(margin=0.2)
        >>> fit(callbacks=[HardenAfter(loss, epochs=2)])

    Reference:
        Chen et al., 2021, "Learning the best pooling strategy for visual
        semantic embedding", who warm up in the same way.
    """

    def __init__(self, **kwargs):
        super().__init__(max_violation=True, **kwargs)
        self.hardest = keras.Variable(0.0, trainable=False, name="hardest")

    def call(self, y_true, y_pred):
        worst = super().call(y_true, y_pred)
        self.max_violation = False
        try:
            summed = super().call(y_true, y_pred)
        finally:
            self.max_violation = True
        return ops.where(self.hardest > 0.5, worst, summed)

    def get_config(self):
        config = super().get_config()
        del config["max_violation"]
        return config


class HardenAfter(keras.callbacks.Callback):
    """Switches a `HardeningHinge` over when an epoch begins.

    Args:
        loss: the `HardeningHinge`.
        epochs: int, epochs of the sum.
    """

    def __init__(self, loss, epochs):
        super().__init__()
        self.loss = loss
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.loss.hardest.assign(float(epoch >= self.epochs))

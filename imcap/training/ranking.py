"""Ranking losses of matching: the right pair wins by a margin."""

import keras
from keras import ops

# Finite, so that no gradient is 0 times infinity.
LOWEST = -1e9


class ScoresLoss(keras.losses.Loss):
    """Base of losses of the scores of a batch: one number, in float32.

    The scores of all pairs are no list of samples: nothing is weighed or
    averaged over them.
    """

    def __call__(self, y_true, y_pred, sample_weight=None):
        return self.call(y_true, ops.cast(y_pred, "float32"))


@keras.saving.register_keras_serializable(package="imcap")
class RankingHinge(ScoresLoss):
    """How far wrong pairs come near the right ones of a batch, summed.

    `L = Σ_ij [m + S_ij − S_ii]₊ + [m + S_ij − S_jj]₊`, i ≠ j: captions that
    an image prefers to its own, and images that a caption does. With
    `max_violation` only the worst of each row and of each column counts.

    Args:
        margin: float m.
        max_violation: bool.
        mask_same_image: bool, whether captions of one image are no wrong
            pairs; off in the original.
        **kwargs: see `keras.losses.Loss`.

    Call arguments:
        y_true: int32 tensor (B,), which image each pair is of; read only
            with `mask_same_image`.
        y_pred: float tensor (B, B), scores of image i with caption j, the
            right ones on the diagonal.
        sample_weight: not taken.

    Returns:
        Float32 scalar.

    Example:
        >>> model.compile("adam", RankingHinge(max_violation=True))

    Reference:
        Lee et al., 2018, "Stacked cross attention for image-text matching",
        equations 11 and 12; Faghri et al., 2018, "VSE++".
    """

    def __init__(
        self,
        margin=0.2,
        max_violation=False,
        mask_same_image=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.margin = margin
        self.max_violation = max_violation
        self.mask_same_image = mask_same_image

    def call(self, y_true, y_pred):
        return self.reduce(self.hinges(y_true, y_pred))

    def hinges(self, y_true, y_pred):
        """Losses (B, B) of all pairs, for images and for captions."""
        right = ops.diagonal(y_pred)  # (B,)
        same = ops.eye(ops.shape(y_pred)[0], dtype="bool")
        if self.mask_same_image:
            images = ops.reshape(y_true, (-1,))
            same = ops.equal(images[:, None], images[None])
        hinge_losses = []
        for axis in (0, 1):
            # Axis 0: each caption among the images; 1: the other way round.
            own = ops.expand_dims(right, axis)
            losses = ops.relu(self.margin + y_pred - own)
            hinge_losses.append(ops.where(same, 0.0, losses))
        return hinge_losses

    def reduce(self, hinges):
        """The loss, of all wrong pairs or of the worst."""
        return _worst(hinges) if self.max_violation else _summed(hinges)

    def get_config(self):
        config = super().get_config()
        config.update(
            margin=self.margin,
            max_violation=self.max_violation,
            mask_same_image=self.mask_same_image,
        )
        return config


@keras.saving.register_keras_serializable(package="imcap")
class ContrastiveLoss(ScoresLoss):
    """Contrastive loss: the right pair is told from all others of a batch.

    `L = −Σ_i (log softmax_j(S_ij / τ)_i + log softmax_j(S_ji / τ)_i) / B`:
    cross-entropies of the right caption of each image, and of the right
    image of each caption. Captions of one image are no wrong pairs.

    Args:
        temperature: float τ.
        **kwargs: see `keras.losses.Loss`.

    Call arguments:
        y_true: int32 tensor (B,), which image each pair is of.
        y_pred: float tensor (B, B), scores of image i with caption j, the
            right ones on the diagonal.
        sample_weight: not taken.

    Returns:
        Float32 scalar.

    Example:
        >>> model.compile("adam", ContrastiveLoss(temperature=0.05))

    Reference:
        Radford et al., 2021, "Learning transferable visual models from
        natural language supervision", figure 3, with τ given.
    """

    def __init__(self, temperature=0.05, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        images = ops.reshape(y_true, (-1,))
        same = ops.equal(images[:, None], images[None])
        same = ops.logical_xor(
            same, ops.eye(ops.shape(y_pred)[0], dtype="bool")
        )
        scores = ops.where(same, LOWEST, y_pred / self.temperature)
        logs = [
            ops.diagonal(ops.log_softmax(scores, axis=axis)) for axis in (0, 1)
        ]
        return -ops.mean(logs[0] + logs[1])

    def get_config(self):
        return super().get_config() | {"temperature": self.temperature}


@keras.saving.register_keras_serializable(package="imcap")
class LossPerScore(ScoresLoss):
    """Sum of losses: each of one kind of score, which thereby learn apart.

    Args:
        losses: list of R losses of (y_true, scores (B, B)).
        **kwargs: see `keras.losses.Loss`.

    Call arguments:
        y_true: what the losses take.
        y_pred: float tensor (B, B, R).
        sample_weight: not taken.

    Returns:
        Float32 scalar.

    Example:
        >>> LossPerScore([RankingHinge(), ContrastiveLoss()])
    """

    def __init__(self, losses, **kwargs):
        super().__init__(**kwargs)
        self.losses = losses

    def call(self, y_true, y_pred):
        return sum(
            loss(y_true, y_pred[..., number])
            for number, loss in enumerate(self.losses)
        )

    def get_config(self):
        losses = [keras.losses.serialize(loss) for loss in self.losses]
        return super().get_config() | {"losses": losses}

    @classmethod
    def from_config(cls, config):
        losses = [keras.losses.deserialize(loss) for loss in config["losses"]]
        return cls(**(config | {"losses": losses}))


def _summed(hinges):
    return sum(ops.sum(losses) for losses in hinges)


def _worst(hinges):
    return sum(
        ops.sum(ops.max(losses, axis=axis))
        for axis, losses in enumerate(hinges)
    )


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
        >>> model.fit(batches, epochs=2)
        >>> loss.hardest.assign(1.0)
        >>> model.fit(batches, initial_epoch=2, epochs=20)

    Reference:
        Chen et al., 2021, "Learning the best pooling strategy for visual
        semantic embedding", who warm up in the same way.
    """

    def __init__(self, **kwargs):
        super().__init__(max_violation=True, **kwargs)
        self.hardest = keras.Variable(0.0, trainable=False, name="hardest")

    def reduce(self, hinges):
        return ops.where(self.hardest > 0.5, _worst(hinges), _summed(hinges))

    def get_config(self):
        config = super().get_config()
        del config["max_violation"]
        return config

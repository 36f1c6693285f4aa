"""`fit` of a `Scan`: schedule, validation by rsum, checkpoints."""

import numpy as np

from imcap.data.batches.pair_batches import PairBatches
from imcap.data.batches.readers import StoredFeatures
from imcap.errors import InputError
from imcap.matching.scores import Embedder, score_all
from imcap.metrics.recall import retrieval_metrics
from imcap.runs.fitting import Fitting
from imcap.training.callbacks import GeneratedValidation, Progress
from imcap.training.optimizers import make_optimizer
from imcap.training.ranking import HardenAfter, HardeningHinge, RankingHinge
from imcap.training.schedules import Schedule

SHORT = {"image_to_text": "i2t", "text_to_image": "t2i"}


class MatchingLoop(Fitting):
    """Trains the `Scan` of a run to its end, from wherever it stands.

    Args:
        run: a `MatchRun` that has begun.
        data: `MatchData`.
    """

    def __init__(self, run, data):
        self.run = run
        self.config = config = run.config
        self.data = data
        self.batches = PairBatches(
            data.training,
            data.training.encode(data.vocabulary),
            StoredFeatures(data.training.store, run.channels, config.cache),
            batch_size=config.batch_size,
            seed=config.seed,
            pad_to=8,
        )
        self.task = run.build_task()
        self.progress = Progress(self.batches.steps)
        self.metric = "val_rsum" if data.validation else "loss"
        self.loss = self.make_loss()
        self.compile()
        self.take_up()

    def make_loss(self):
        """The ranking loss."""
        config = self.config
        options = {
            "margin": config.margin,
            "mask_same_image": config.mask_same_image,
        }
        if config.max_violation and config.max_violation_after:
            return HardeningHinge(**options)
        return RankingHinge(max_violation=config.max_violation, **options)

    def compile(self):
        """Gives the model its optimizer and loss."""
        config = self.config
        schedule = Schedule(
            config.schedule,
            config.learning_rate,
            self.batches.steps,
            config.max_epochs,
            warmup=config.warmup,
            decay_start=0,
            decay_every=config.lr_update,
            decay_rate=0.1,
        )
        self.task.compile(
            make_optimizer(
                "adamw" if config.weight_decay else "adam",
                schedule,
                weight_decay=config.weight_decay,
                clip_norm=config.grad_clip,
                average=config.weight_average,
                scale_loss=config.mixed_precision == "float16",
            ),
            self.loss,
            jit_compile=config.jit_compile,
        )

    def callbacks(self):
        """In the order in which they act at the end of an epoch."""
        config = self.config
        harden, validation = [], []
        if isinstance(self.loss, HardeningHinge):
            harden = [HardenAfter(self.loss, config.max_violation_after)]
        if self.data.validation:
            score = RecallValidation(self.task, self.data)
            validation = [GeneratedValidation(score)]
        return [*harden, *self.kept(validation, config.patience)]


class RecallValidation:
    """Recalls on the validation pairs.

    Args:
        scan: the `Scan` in training.
        data: `MatchData`.

    Call arguments:
        epoch: int, not needed.

    Returns:
        Dict of rsum and the recalls of both directions, as t2i_r1.
    """

    def __init__(self, scan, data):
        self.embedder = Embedder(scan)
        self.pairs = data.validation
        self.rows = data.validation.encode(data.vocabulary)

    def __call__(self, epoch):
        scores = score_all(self.embedder, self.pairs, self.rows)
        if not np.isfinite(scores).all():
            raise InputError(
                "scores of validation pairs are not finite: training "
                "diverged; lower --learning_rate"
            )
        found = retrieval_metrics(scores, self.pairs.image_of)
        values = {"rsum": found["rsum"]}
        for direction, short in SHORT.items():
            for name in ("R@1", "R@5", "R@10"):
                key = f"{short}_{name.replace('R@', 'r')}"
                values[key] = found[direction][name]
        return values

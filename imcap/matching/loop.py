"""Training of a matcher: phases, schedule, validation by rsum."""

import dataclasses
from typing import Any

import keras
import numpy as np

from imcap.data.batches.pair_batches import PairBatches
from imcap.data.batches.readers import StoredFeatures
from imcap.data.pairs.matching_set import MatchingSet
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.matching.data import MatchData
from imcap.matching.ridge import begin_with_ridge
from imcap.matching.run import MatchRun
from imcap.matching.scores import Embedder, score_all
from imcap.matching.settings import MatchConfig
from imcap.metrics.recall import retrieval_metrics
from imcap.runs.fitting import Fitting, Phase
from imcap.startup import is_compiled
from imcap.training.callbacks import GeneratedValidation, Progress
from imcap.training.optimizers import make_optimizer
from imcap.training.ranking import (
    ContrastiveLoss,
    HardeningHinge,
    LossPerScore,
    RankingHinge,
)
from imcap.training.schedules import Schedule

SHORT = {"image_to_text": "i2t", "text_to_image": "t2i"}


class MatchingLoop(Fitting):
    """Trains the `Scan` of a run to its end, from wherever it stands.

    Args:
        run: a `MatchRun` that has begun.
        data: `MatchData`.
    """

    run: MatchRun
    config: MatchConfig

    def __init__(self, run: MatchRun, data: MatchData) -> None:
        self.run = run
        self.config = run.config
        self.data = data
        self.task = run.build_task()
        self.hinge = make_loss(self.config)
        self.loss = self.hinge
        if self.config.global_head:
            head = ContrastiveLoss(self.config.temperature)
            self.loss = LossPerScore([self.hinge, head])
        self.phases = self.make_phases()
        self.phase = self.phases[0]
        self.progress = Progress(self.batches.steps)
        self.compile()
        self.restore()

    def make_phases(self) -> list[Phase]:
        """All wrong pairs and, where the flags ask for it, then the worst."""
        config, data = self.config, self.data
        whole = Phase(
            until=config.max_epochs,
            batches=PairBatches(
                data.training,
                data.training.encode(data.vocabulary),
                StoredFeatures(
                    data.training.store, self.run.channels, config.cache
                ),
                batch_size=config.batch_size,
                seed=config.seed,
                pad_to=8,
                augmented=data.augmented,
            ),
            metric="val_rsum" if data.validation else "loss",
            patience=config.patience,
        )
        if not isinstance(self.hinge, HardeningHinge):
            return [whole]
        hardest = self.hinge.hardest
        after = config.max_violation_after
        summed = dataclasses.replace(
            whole,
            until=min(after, config.max_epochs),
            begin=lambda: hardest.assign(0.0),
        )
        if after >= config.max_epochs:
            return [summed]
        worst = dataclasses.replace(whole, begin=lambda: hardest.assign(1.0))
        return [summed, worst]

    def begin_anew(self) -> None:
        """Fits the baseline, and begins the global head as a ridge."""
        begin_with_ridge(self.run, self.data, self.task)

    def start_from(self, earlier: Any) -> None:
        """Copies an earlier matcher's weights, and fits the baseline."""
        super().start_from(earlier)
        begin_with_ridge(self.run, self.data)

    def compile(self) -> None:
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
            jit_compile=is_compiled(config.jit_compile),
        )

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """In the order in which they act at the end of an epoch."""
        validation = []
        if self.data.validation:
            score = RecallValidation(
                self.task, self.data.validation, self.data.vocabulary
            )
            validation = [GeneratedValidation(score)]
        return self.standard_callbacks(validation)


def make_loss(config: MatchConfig) -> keras.losses.Loss:
    """The ranking loss of the flags, of what attention scores."""
    if config.loss == "contrastive":
        return ContrastiveLoss(config.temperature)
    options = {
        "margin": config.margin,
        "mask_same_image": config.mask_same_image,
    }
    if config.max_violation and config.max_violation_after:
        return HardeningHinge(**options)
    return RankingHinge(max_violation=config.max_violation, **options)


class RecallValidation:
    """Recalls on the validation pairs.

    Args:
        scan: the `Scan` in training.
        pairs: the validation pairs.
        vocabulary: the run's.

    Call arguments:
        epoch: int, not needed.

    Returns:
        Dict of rsum and the recalls of both directions, as t2i_r1.
    """

    def __init__(
        self, scan: keras.Model, pairs: MatchingSet, vocabulary: Vocabulary
    ) -> None:
        self.embedder = Embedder(scan)
        self.pairs = pairs
        self.rows = pairs.encode(vocabulary)

    def __call__(self, epoch: int) -> dict[str, float]:
        scores = score_all(self.embedder, self.pairs, self.rows)
        if not np.isfinite(scores).all():
            raise InputError(
                "scores of validation pairs are not finite: training "
                "diverged; lower --learning_rate"
            )
        metrics = retrieval_metrics(scores, self.pairs.image_of)
        values = {"rsum": metrics["rsum"]}
        for direction, short in SHORT.items():
            for name in ("R@1", "R@5", "R@10"):
                key = f"{short}_{name.replace('R@', 'r')}"
                values[key] = metrics[direction][name]
        return values

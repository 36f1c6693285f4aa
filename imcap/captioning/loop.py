"""Training of a captioner, from what `imcap train` read to the update.

`imcap train` opens the run and its data (`captioning.data`) and calls
`run_all` of a `TrainingLoop`, whose phases are cross-entropy and, where the
flags ask for it, self-critical training. `runs.fitting` hands each phase's
batches to Keras' `fit`, which calls `CaptioningTask.train_step`: captioner,
loss, gradient, optimizer. With --cnntrain batches hold pictures, and the task
the picture network too.
"""

import dataclasses
from typing import Any

import keras
import numpy as np

from imcap.captioning.data import TrainingData
from imcap.captioning.run import CaptionerRun
from imcap.captioning.self_critical import make_self_critical, notes
from imcap.captioning.train_settings import TrainConfig
from imcap.captioning.validation import Validation
from imcap.data.batches.caption_batches import CaptionBatches
from imcap.errors import InputError
from imcap.runs.fitting import Fitting, Phase
from imcap.runs.run import ENCODER_WEIGHTS
from imcap.startup import is_compiled
from imcap.training.alarms import CollapseAlarm, FiniteGuard, SampleAlarm
from imcap.training.callbacks import (
    GeneratedValidation,
    Progress,
    ScheduledSampling,
)
from imcap.training.checkpoints import copy_weights
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import make_optimizer
from imcap.training.schedules import Schedule, Switched


class TrainingLoop(Fitting):
    """Trains the task of a run to its end, from wherever it stands.

    Args:
        run: a `CaptionerRun` that has begun.
        data: `TrainingData`.
    """

    run: CaptionerRun
    config: TrainConfig

    def __init__(self, run: CaptionerRun, data: TrainingData) -> None:
        self.run = run
        self.config = run.config
        self.data = data
        self.task = run.build_task()
        run.set_positions(data.read, self.task.captioner)
        for note in self.task.captioner.notes():
            print(f"note: {note}")
        self.validates = not self.config.train_only and len(data.validation)
        self.phases = self.make_phases()
        self.phase = self.phases[0]
        self.progress = Progress(self.batches.steps)
        self.optimizer = make_captioner_optimizer(
            self.config, self.batches.steps, self.slower_weights()
        )
        self.begin_cross_entropy()
        inputs, _, _ = self.batches.batch(0)
        self.task(inputs)  # builds what is not built yet
        self.restore()

    def make_phases(self) -> list[Phase]:
        """Cross-entropy, and from the epoch that the flags name, samples."""
        config = self.config
        batches = make_batches(config, self.data)
        chosen = config.es_metric if self.validates else "loss"
        metric = "loss" if chosen == "loss" else f"val_{chosen}"
        after = config.self_critical_after
        cross_entropy = Phase(
            until=config.max_epochs,
            batches=batches,
            metric=metric,
            # Nothing ends it before its time where samples are to follow.
            patience=config.patience if after < 0 else 0,
            fall_patience=config.reduce_on_plateau,
            begin=self.begin_cross_entropy,
        )
        if not 0 <= after < config.max_epochs:
            return [cross_entropy]
        samples = Phase(
            until=config.max_epochs,
            batches=dataclasses.replace(batches, packed=False, references=True),
            # The loss of samples says nothing; what they are paid does.
            metric="reward" if metric == "loss" else metric,
            patience=config.patience,
            fall_patience=config.reduce_on_plateau,
            begin=self.begin_self_critical,
        )
        return [dataclasses.replace(cross_entropy, until=after), samples]

    def begin_cross_entropy(self) -> None:
        """Has the task learn people's captions."""
        self.task.compile(
            self.optimizer,
            WordCrossEntropy(self.config.label_smoothing),
            jit_compile=is_compiled(self.config.jit_compile),
            scheduled_sampling=self.config.scheduled_sampling_start >= 0,
        )

    def begin_self_critical(self) -> None:
        """Has the task learn from its own captions from now on."""
        config, progress = self.config, self.progress
        for note in notes(config):
            print(f"note: {note}")
        if progress.step == config.self_critical_after * self.batches.steps:
            if config.reduce_on_plateau and config.self_critical_rate:
                rate = self.optimizer.learning_rate
                rate.assign(config.self_critical_rate)
            if self.metric == "reward":
                progress.best = None
        self.task.compile(
            self.optimizer,
            WordCrossEntropy(),
            jit_compile=is_compiled(config.jit_compile),
            self_critical=make_self_critical(self.run, self.data.training),
            entropy_weight=config.entropy_reward_weight,
        )

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """In the order in which they act at the end of an epoch."""
        validation = []
        if self.validates:
            score = Validation(self.run, self.task, self.data, self.summaries)
            validation = [
                GeneratedValidation(score),
                CollapseAlarm(self.meter.print),
            ]
        return [
            ScheduledSampling(self.scheduled_sampling_rate),
            FiniteGuard(self.progress, self.images_of),
            SampleAlarm(self.meter.print),
            *self.standard_callbacks(validation),
        ]

    def slower_weights(self) -> dict[str, float] | None:
        """Paths of the CNN's weights, each with the factor on its rate."""
        factor, encoder = self.config.lrmult_conv, self.task.encoder
        if encoder is None or factor == 1.0:
            return None
        return {weight.path: factor for weight in encoder.trainable_weights}

    def begin_anew(self) -> None:
        """Starts from what is known: a pretrained CNN, word frequencies."""
        captioner = self.task.captioner
        weights = self.run.path / ENCODER_WEIGHTS
        captioner.start_from_network(
            weights if weights.exists() else "imagenet"
        )
        words = self.data.vocabulary
        captions = self.batches.captions.captions
        shares = words.word_frequencies(
            [ids for of_image in captions for ids in of_image]
        )
        least = 0.5 * np.min(shares[shares > 0])
        captioner.set_output_bias(np.log(np.maximum(shares, least)))

    def start_from(self, earlier: Any) -> None:
        """Copies the weights of another run's task."""
        copy_weights(earlier.captioner, self.task.captioner)
        if self.task.encoder is not None and earlier.encoder is not None:
            copy_weights(earlier.encoder, self.task.encoder)

    def images_of(self, step: int) -> str:
        """The images of a batch, in words."""
        ids = [
            self.batches.captions.image_ids[r] for r in self.batches.rows(step)
        ]
        return "images " + ", ".join(map(str, ids))

    def scheduled_sampling_rate(self, epoch: int) -> float:
        """Share of its own words that the model reads in an epoch."""
        config = self.config
        start = config.scheduled_sampling_start
        if start < 0 or epoch < start:
            return 0.0
        steps = (epoch - start) // config.scheduled_sampling_increase_every
        share = config.scheduled_sampling_increase_prob * steps
        return min(share, config.scheduled_sampling_max_prob)


def make_batches(config: TrainConfig, data: TrainingData) -> CaptionBatches:
    """Batches of people's captions, with features or pictures."""
    return CaptionBatches(
        data.training.encode(data.vocabulary, config.max_length),
        data.read,
        data.vocabulary,
        max_length=config.max_length,
        batch_size=min(config.batch_size, len(data.training)),
        captions_per_image=config.seq_per_img,
        reduction=config.loss_reduction,
        seed=config.seed,
        pad_to=64 if is_compiled(config.jit_compile) else 1,
        augmented=data.augmented,
    )


def make_captioner_optimizer(
    config: TrainConfig, steps: int, slower: dict[str, float] | None
) -> keras.optimizers.Optimizer:
    """The optimizer and schedule of all phases.

    Args:
        config: the flags.
        steps: batches an epoch.
        slower: paths of weights to factors on their rate.
    """
    schedule = Schedule(
        config.schedule,
        config.learning_rate,
        steps,
        config.max_epochs,
        warmup=config.warmup,
        decay_start=config.learning_rate_decay_start,
        decay_every=config.learning_rate_decay_every,
        decay_rate=config.learning_rate_decay_rate,
        factor=config.noamopt_factor,
        width=config.emb_dim,
    )
    after = config.self_critical_after
    if after >= 0 and config.self_critical_rate:
        schedule = Switched(schedule, after * steps, config.self_critical_rate)
    try:
        return make_optimizer(
            config.optim,
            config.learning_rate if config.reduce_on_plateau else schedule,
            alpha=config.optim_alpha,
            beta=config.optim_beta,
            epsilon=config.optim_epsilon,
            weight_decay=config.weight_decay,
            clip_value=config.grad_clip,
            clip_norm=config.clip_norm,
            accumulate=config.accumulate,
            average=config.weight_average,
            slower=slower,
            scale_loss=config.mixed_precision == "float16",
        )
    except ValueError as error:
        raise InputError(str(error)) from None

"""`fit` with everything round it: schedule, validation, checkpoints."""

import dataclasses

import numpy as np

from imcap.captioning.self_critical import make_self_critical, notes
from imcap.captioning.validation import Validation
from imcap.data.batches.caption_batches import CaptionBatches
from imcap.errors import InputError
from imcap.runs.fitting import Fitting
from imcap.runs.run import ENCODER_WEIGHTS
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

    def __init__(self, run, data):
        self.run = run
        self.config = run.config
        self.data = data
        self.batches = self.make_batches()
        self.task = run.build_task()
        run.locate(data.read, self.task.captioner)
        for note in self.task.captioner.notes():
            print(f"note: {note}")
        self.task.samples_own_words = self.config.scheduled_sampling_start >= 0
        self.progress = Progress(self.batches.steps)
        self.validates = not self.config.train_only and len(data.validation)
        chosen = self.config.es_metric if self.validates else "loss"
        self.metric = "loss" if chosen == "loss" else f"val_{chosen}"
        self.compile()
        self.take_up()

    def make_batches(self):
        config = self.config
        return CaptionBatches(
            self.data.training.encode(self.data.vocabulary, config.max_length),
            self.data.read,
            self.data.vocabulary,
            max_length=config.max_length,
            batch_size=min(config.batch_size, len(self.data.training)),
            captions_per_image=config.seq_per_img,
            reduction=config.loss_reduction,
            seed=config.seed,
            pad_to=64 if config.jit_compile else 1,
            augmented=self.data.augmented,
        )

    def compile(self):
        """Builds the weights and the optimizer."""
        config = self.config
        schedule = Schedule(
            config.schedule,
            config.learning_rate,
            self.batches.steps,
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
            schedule = Switched(
                schedule,
                after * self.batches.steps,
                config.self_critical_rate,
            )
        falls = config.reduce_on_plateau
        try:
            optimizer = make_optimizer(
                config.optim,
                config.learning_rate if falls else schedule,
                alpha=config.optim_alpha,
                beta=config.optim_beta,
                epsilon=config.optim_epsilon,
                weight_decay=config.weight_decay,
                clip_value=config.grad_clip,
                clip_norm=config.clip_norm,
                accumulate=config.accumulate,
                average=config.weight_average,
                slower=self.slower_weights(),
                scale_loss=config.mixed_precision == "float16",
            )
        except ValueError as error:
            raise InputError(str(error)) from None
        self.task.compile(
            optimizer,
            WordCrossEntropy(config.label_smoothing),
            jit_compile=config.jit_compile,
        )
        inputs, _, _ = self.batches.batch(0)
        self.task(inputs)  # builds what is not built yet

    def slower_weights(self):
        """Paths of the CNN's weights, each with the factor on its rate."""
        factor, encoder = self.config.lrmult_conv, self.task.encoder
        if encoder is None or factor == 1.0:
            return None
        return {weight.path: factor for weight in encoder.trainable_weights}

    def begin_anew(self):
        """Starts from what is known: a pretrained CNN, word frequencies."""
        captioner = self.task.captioner
        if hasattr(captioner, "start_from_network"):
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

    def take_over(self, earlier):
        """Copies the weights of another run's task."""
        copy_weights(earlier.captioner, self.task.captioner)
        if self.task.encoder is not None and earlier.encoder is not None:
            copy_weights(earlier.encoder, self.task.encoder)

    def run_all(self):
        """Cross-entropy, and from the epoch that the flags name, samples."""
        after = self.config.self_critical_after
        if 0 <= after < self.config.max_epochs:
            if self.progress.epoch < after:
                self.run_until(after)
            self.begin_self_critical()
        super().run_all()

    def begin_self_critical(self):
        """Has the task learn from its own captions from now on."""
        config, task = self.config, self.task
        for note in notes(config):
            print(f"note: {note}")
        begins = self.progress.step == (
            config.self_critical_after * self.batches.steps
        )
        if config.reduce_on_plateau and config.self_critical_rate and begins:
            task.optimizer.learning_rate.assign(config.self_critical_rate)
        if self.metric == "loss":
            # The loss of samples says nothing; what they are paid does.
            self.metric = "reward"
            if begins:
                self.progress.best = None
        self.batches = dataclasses.replace(
            self.batches, packed=False, references=True
        )
        task.self_critical = make_self_critical(self.run, self.data.training)
        task.samples_own_words = False
        task.entropy_weight = config.entropy_reward_weight
        task.compile(
            task.optimizer, WordCrossEntropy(), jit_compile=config.jit_compile
        )

    def callbacks(self):
        """In the order in which they act at the end of an epoch."""
        validation = []
        if self.validates:
            score = Validation(self.run, self.task, self.data)
            validation = [GeneratedValidation(score), CollapseAlarm(print)]
        return [
            ScheduledSampling(self.own_words),
            FiniteGuard(self.progress, self.images_of),
            SampleAlarm(print),
            *self.kept(
                validation, self.patience, self.config.reduce_on_plateau
            ),
        ]

    @property
    def patience(self):
        """Epochs without a better one; none end cross-entropy too early."""
        waits = self.config.self_critical_after >= 0
        if waits and self.task.self_critical is None:
            return 0
        return self.config.patience

    def images_of(self, step):
        """The images of a batch, in words."""
        ids = [
            self.batches.captions.image_ids[r] for r in self.batches.rows(step)
        ]
        return "images " + ", ".join(map(str, ids))

    def own_words(self, epoch):
        """Share of its own words that the model reads in an epoch."""
        config = self.config
        start = config.scheduled_sampling_start
        if start < 0 or epoch < start:
            return 0.0
        steps = (epoch - start) // config.scheduled_sampling_increase_every
        share = config.scheduled_sampling_increase_prob * steps
        return min(share, config.scheduled_sampling_max_prob)

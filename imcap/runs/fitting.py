"""Training as a list of phases, begun where a run stands."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import keras

from imcap.errors import InputError
from imcap.progress import Meter
from imcap.runs.learning_curves import LearningCurves
from imcap.runs.run import Run
from imcap.training.callbacks import (
    Interruptible,
    KeepBest,
    MetricsLog,
    Progress,
    SwapAverages,
)
from imcap.training.checkpoints import copy_weights, load_state
from imcap.training.reporting import ScalarLog, Summaries, TrainingReport


class Batches(Protocol):
    """Batches of every epoch, known by the number of their step."""

    @property
    def steps(self) -> int:
        """Batches an epoch."""

    def dataset(self, first: int, last: int, workers: int) -> Any:
        """What Keras' fit reads, from a step up to another."""


class FittingSettings(Protocol):
    """Settings that every kind of training has."""

    @property
    def start_from(self) -> str | None:
        """The run to continue, or to begin from."""

    @property
    def workers(self) -> int:
        """Threads that make batches."""

    @property
    def weight_average(self) -> float:
        """Momentum of the running mean of the weights; 0 for none."""

    @property
    def save_checkpoint_every(self) -> int:
        """Batches between saves, besides those of each epoch."""


@dataclasses.dataclass(frozen=True)
class Phase:
    """Phase of training: epochs with one loss and the same batches.

    Attributes:
        until: int, the epoch after which it is over.
        batches: what is learnt from.
        metric: what the best epoch is chosen by, as "val_CIDEr".
        patience: epochs without a better one that end the training; 0 never.
        fall_patience: the same until the learning rate falls; 0 never.
        begin: gives the task this phase's loss; called whenever the phase
            begins or is gone on with.
    """

    until: int
    batches: Batches
    metric: str
    patience: int = 0
    fall_patience: int = 0
    begin: Callable[[], None] = lambda: None


class Fitting:
    """Base of training loops: fits the phases of a run in turn.

    Attributes:
        run: the `Run`; its folder gets curves.png.
        config: its settings.
        phases: list of `Phase`.
        phase: the one that the run stands in.
        progress: a `Progress`.
        task: a compiled model.
        meter: `Meter` of all steps, while `run_all` runs.
    """

    run: Run
    config: FittingSettings
    phases: list[Phase]
    phase: Phase
    progress: Progress
    task: keras.Model
    meter: Meter

    @functools.cached_property
    def summaries(self) -> Summaries:
        """TensorBoard's file of the run."""
        return Summaries(self.run.path / "logs")

    @property
    def batches(self) -> Any:
        """Batches of the phase."""
        return self.phase.batches

    @property
    def metric(self) -> str:
        """What the best epoch is chosen by."""
        return self.phase.metric

    def restore(self) -> None:
        """Continues, begins from another run's weights, or anew."""
        start = self.config.start_from
        try:
            if self.run.state.exists() and start:
                position = load_state(self.run.state, self.task)
                self.progress.restore(position)
            elif start:
                self.start_from(type(self.run).open(start).task())
            else:
                self.begin_anew()
        except (ValueError, FileNotFoundError) as error:
            raise InputError(str(error)) from None

    def begin_anew(self) -> None:
        """Prepares fresh weights."""

    def start_from(self, earlier: Any) -> None:
        """Copies the weights of another run's task."""
        copy_weights(earlier, self.task)

    def run_all(self) -> None:
        """Fits until the last epoch, the best one is long past, or Ctrl-C."""
        total = self.phases[-1].until * self.batches.steps
        self.meter = Meter(
            total, "training", "steps", min(self.progress.step, total)
        )
        try:
            self.run_phases()
        finally:
            self.meter.close()
            self.summaries.close()

    def run_phases(self) -> None:
        """Fits the phases that are not over."""
        for phase in self.phases:
            if phase.until <= self.progress.epoch and (
                phase is not self.phases[-1]
            ):
                continue
            self.begin(phase)
            if self.run_phase():
                return

    def begin(self, phase: Phase) -> None:
        """Gives the task the batches and the loss of a phase."""
        self.phase = phase
        phase.begin()

    def run_phase(self) -> bool:
        """Fits to the end of the phase; True when training is to stop."""
        steps, progress = self.batches.steps, self.progress
        left = -progress.step % steps  # of an epoch that was interrupted
        callbacks = self.callbacks()
        if left and self.fit(progress.epoch + 1, left, callbacks):
            return True
        if progress.epoch < self.phase.until:
            return self.fit(self.phase.until, steps, callbacks)
        return False

    def fit(
        self,
        last_epoch: int,
        steps: int,
        callbacks: list[keras.callbacks.Callback],
    ) -> bool:
        """One call of Keras' fit; True when it wants no more."""
        first = self.progress.step
        last = last_epoch * self.batches.steps
        curves = LearningCurves(self.run.path)
        optimizer = self.task.optimizer
        if not optimizer.built:
            # Weights born inside the first step would have it traced twice.
            optimizer.build(self.task.trainable_variables)
        try:
            self.task.fit(
                self.batches.dataset(first, last, self.config.workers),
                steps_per_epoch=steps,
                initial_epoch=self.progress.epoch,
                epochs=last_epoch,
                callbacks=[*callbacks, curves],
                shuffle=False,
                verbose=0,
            )
        finally:
            curves.draw()
        return bool(self.task.stop_training)

    def standard_callbacks(
        self, validation: list[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """Callbacks that validate, keep what is best, and write it down.

        Args:
            validation: callbacks that run with the mean of the weights where
                there is one.
        """
        config, path, phase = self.config, Path(self.run.path), self.phase
        swap = [SwapAverages()] if config.weight_average else []
        return [
            *swap,
            *validation,
            KeepBest(
                self.run.best,
                self.progress,
                phase.metric,
                patience=phase.patience,
                fall_patience=phase.fall_patience,
            ),
            *swap,
            MetricsLog(path / "metrics.jsonl"),
            ScalarLog(self.summaries, self.progress),
            TrainingReport(self.meter, self.progress, self.phases[-1].until),
            Interruptible(
                self.run.state,
                self.progress,
                config.save_checkpoint_every,
                f"go on with: {self.run.command} --start_from {path}",
            ),
        ]

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """The Keras callbacks, in the order in which they act."""
        raise TypeError(f"{type(self).__name__} lacks callbacks")

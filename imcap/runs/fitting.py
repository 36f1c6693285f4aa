"""`fit` that begins where a run stands, in the middle of an epoch too."""

import keras

from imcap.errors import InputError
from imcap.runs.learning_curves import LearningCurves
from imcap.training.callbacks import (
    Interruptible,
    KeepBest,
    MetricsLog,
    SwapAverages,
)
from imcap.training.checkpoints import copy_weights, load_state


class Fitting:
    """What training loops share: a run fitted to its last epoch.

    Attributes:
        run: the `Run`; its folder gets curves.png.
        config: its config.
        batches: has steps and dataset(first_step, last_step, workers).
        progress: a `Progress`.
        task: a compiled model.
        metric: str, what the best epoch is chosen by.
    """

    def take_up(self):
        """Continues, begins from another run's weights, or anew."""
        start = self.config.start_from
        try:
            if self.run.state.exists() and start:
                position = load_state(self.run.state, self.task)
                self.progress.restore(position)
            elif start:
                self.take_over(type(self.run).open(start).task())
            else:
                self.begin_anew()
        except (ValueError, FileNotFoundError) as error:
            raise InputError(str(error)) from None

    def begin_anew(self):
        """Prepares fresh weights."""

    def take_over(self, earlier):
        """Copies the weights of another run's task."""
        copy_weights(earlier, self.task)

    def run_all(self):
        """Fits until the last epoch, the best one is long past, or Ctrl-C."""
        self.run_until(self.config.max_epochs)

    def run_until(self, last_epoch):
        """`run_all`, but to the end of `last_epoch` at most."""
        steps, progress = self.batches.steps, self.progress
        left = -progress.step % steps
        callbacks = self.callbacks()
        if left and self.fit(progress.epoch + 1, left, callbacks):
            return
        if progress.epoch < last_epoch:
            self.fit(last_epoch, steps, callbacks)

    def fit(self, last_epoch, steps, callbacks):
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
            )
        finally:
            curves.draw()
        return self.task.stop_training

    def kept(self, validation, patience, fall_patience=0):
        """Callbacks that validate, keep what is best, and write it down.

        Args:
            validation: list of callbacks, run with the mean of the weights
                where there is one.
            patience, fall_patience: see `KeepBest`.
        """
        config, path = self.config, self.run.path
        swap = [SwapAverages()] if config.weight_average else []
        return [
            *swap,
            *validation,
            KeepBest(
                self.run.best,
                self.progress,
                self.metric,
                patience=patience,
                fall_patience=fall_patience,
            ),
            *swap,
            MetricsLog(path / "metrics.jsonl"),
            keras.callbacks.TensorBoard(str(path / "logs"), write_graph=False),
            Interruptible(
                self.run.state, self.progress, config.save_checkpoint_every
            ),
        ]

    def callbacks(self):
        """The Keras callbacks, in the order in which they act."""
        raise TypeError(f"{type(self).__name__} lacks callbacks")

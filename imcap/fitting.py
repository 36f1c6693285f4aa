"""`fit` that begins where a run stands, in the middle of an epoch too."""


class Fitting:
    """What training loops share: a run fitted to its last epoch.

    Attributes:
        config: has max_epochs and workers.
        batches: has steps and dataset(first_step, last_step, workers).
        progress: a `Progress`.
        task: a compiled model.
    """

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
        self.task.fit(
            self.batches.dataset(first, last, self.config.workers),
            steps_per_epoch=steps,
            initial_epoch=self.progress.epoch,
            epochs=last_epoch,
            callbacks=callbacks,
            shuffle=False,
        )
        return self.task.stop_training

    def callbacks(self):
        """The Keras callbacks, in the order in which they act."""
        raise TypeError(f"{type(self).__name__} lacks callbacks")

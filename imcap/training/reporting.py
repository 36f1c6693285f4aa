"""Reports of a training: progress, lines of epochs, TensorBoard."""

import time
from pathlib import Path

import keras


def describe_logs(logs):
    """Logs as people read them: "loss 2.3410, val_CIDEr 0.8123".

    Args:
        logs: dict of name to float.
    """
    return ", ".join(
        f"{name} {float(value):.4f}" for name, value in logs.items()
    )


class TrainingReport(keras.callbacks.Callback):
    """Progress of the whole training, and a line at each epoch's end.

    Args:
        meter: an `imcap.progress.Meter` of all steps.
        progress: the run's `Progress`.
        epochs: int, the last epoch of the training.
    """

    def __init__(self, meter, progress, epochs):
        super().__init__()
        self.meter = meter
        self.progress = progress
        self.epochs = epochs
        self._began = None

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()
        self.meter.tell(self._name(epoch), "")

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        about = "" if loss is None else f"loss {float(loss):.4f}"
        self.meter.tell(self._name(self.progress.epoch), about)
        self.meter.update()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.monotonic() - self._began
        self.meter.write(
            f"{self._name(epoch)}: {describe_logs(logs or {})}, {seconds:.0f} s"
        )

    def _name(self, epoch):
        return f"epoch {epoch + 1}/{self.epochs}"


class Summaries:
    """One TensorBoard event file, begun when the first value comes.

    Args:
        folder: where it lies.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._writer = None

    def scalars(self, values, step):
        """Writes numbers of a step.

        Args:
            values: dict of tag to float.
            step: int.
        """
        import tensorflow as tf

        with self._open().as_default():
            for tag, value in values.items():
                tf.summary.scalar(tag, float(value), step=step)

    def text(self, tag, text, step):
        """Writes Markdown of a step."""
        import tensorflow as tf

        with self._open().as_default():
            tf.summary.text(tag, text, step=step)

    def _open(self):
        import tensorflow as tf

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.folder))
        return self._writer

    def flush(self):
        """Has TensorBoard see all of it."""
        if self._writer is not None:
            self._writer.flush()

    def close(self):
        """Ends the file; further values begin another."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class ScalarLog(keras.callbacks.Callback):
    """TensorBoard: `step/…` of every step, `epoch/…` of every epoch.

    Keras hands over means since the epoch began; the value of one step is
    taken from two of them. Steps are counted over epochs.

    Args:
        summaries: `Summaries`.
        progress: the run's `Progress`, whose step counts those before.
    """

    def __init__(self, summaries, progress):
        super().__init__()
        self.summaries = summaries
        self.progress = progress
        self._means = None

    def on_epoch_begin(self, epoch, logs=None):
        # The means before the first step of an epoch that is gone on with
        # are not known, so this step is passed over.
        begun = self.progress.step % self.progress.steps_per_epoch
        self._means = None if begun else {}

    def on_train_batch_end(self, batch, logs=None):
        logs = {name: float(value) for name, value in (logs or {}).items()}
        step, before = self.progress.step, self._means
        count = step % self.progress.steps_per_epoch
        self._means = logs
        if before is None:
            return
        values = {
            f"step/{name}": (count + 1) * mean - count * before.get(name, 0.0)
            for name, mean in logs.items()
        }
        values["step/learning_rate"] = self._rate()
        self.summaries.scalars(values, step + 1)

    def on_epoch_end(self, epoch, logs=None):
        values = {f"epoch/{name}": v for name, v in (logs or {}).items()}
        values["epoch/learning_rate"] = self._rate()
        self.summaries.scalars(values, epoch + 1)
        self.summaries.flush()

    def _rate(self):
        rate = self.model.optimizer.learning_rate
        return float(keras.ops.convert_to_numpy(rate))

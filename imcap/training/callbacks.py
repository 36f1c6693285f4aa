"""Training callbacks: checkpoints, validation, early stopping, logs."""

import json
import signal
import threading
import time
from pathlib import Path

import keras

from imcap.training.checkpoints import save_state, save_weights


class Interruptible(keras.callbacks.Callback):
    """Checkpointing after each epoch, every so often, and on Ctrl-C.

    The first Ctrl-C lets the batch end, saves and raises KeyboardInterrupt;
    the second stops at once. A state that is saved within an epoch holds
    the sums that the epoch's means are of, so that the means of one that
    is gone on with are those of the whole.

    Args:
        path: the state file.
        progress: the `Progress` of the run.
        every: int, batches between saves; 0 for epochs only.
        remedy: words that say how to go on after an interruption.
    """

    def __init__(self, path, progress, every=0, remedy=""):
        super().__init__()
        self.path = Path(path)
        self.progress = progress
        self.every = every
        self.remedy = remedy
        self.asked_to_stop = False
        self._before = None

    def on_train_begin(self, logs=None):
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)

    def on_train_end(self, logs=None):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _ask(self, *_):
        self.asked_to_stop = True
        signal.signal(signal.SIGINT, self._before)

    def on_epoch_begin(self, epoch, logs=None):
        # Keras has just set all to zero.
        set_metric_sums(self.model, self.progress.sums)
        self.progress.sums = {}

    def on_train_batch_end(self, batch, logs=None):
        self.progress.step += 1
        due = self.every and self.progress.step % self.every == 0
        # An epoch's last batch is saved by the epoch, validation included.
        if self.progress.step % self.progress.steps_per_epoch == 0:
            return
        if self.asked_to_stop or due:
            self.save(metric_sums(self.model))
        self._stop_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        self.save()
        self._stop_if_asked()

    def save(self, sums=None):
        """Writes the state as it is now.

        Args:
            sums: `metric_sums` within an epoch; None at its end.
        """
        position = self.progress.as_dict() | {"sums": sums or {}}
        save_state(self.path, self.model, position)

    def _stop_if_asked(self):
        if self.asked_to_stop:
            self.on_train_end()
            raise KeyboardInterrupt(*filter(None, [self.remedy]))


def metric_sums(model):
    """What a model's means are of: dict of metric name to lists of floats."""
    return {
        metric.name: [
            keras.ops.convert_to_numpy(variable).tolist()
            for variable in metric.variables
        ]
        for metric in model.metrics
    }


def set_metric_sums(model, sums):
    """Restores `metric_sums`; metrics that are not in it stay as they are."""
    for metric in model.metrics:
        values = sums.get(metric.name, [])
        if len(values) == len(metric.variables):
            for variable, value in zip(metric.variables, values, strict=True):
                variable.assign(value)


class Progress:
    """Progress of a run: its step and best score, saved with its state.

    Args:
        steps_per_epoch: int.
    """

    def __init__(self, steps_per_epoch):
        self.steps_per_epoch = steps_per_epoch
        self.step = 0
        self.best = None
        self.best_epoch = None
        self.best_tie = None
        self.tells_apart = False
        self.since_best = 0
        self.since_fall = 0
        self.sums = {}  # `metric_sums` of an epoch that was interrupted

    def as_dict(self):
        """JSON values of all of it."""
        return dict(vars(self))

    def restore(self, values):
        """Takes over what `as_dict` gave."""
        vars(self).update(values)

    @property
    def epoch(self):
        """Complete epochs."""
        return self.step // self.steps_per_epoch


class SwapAverages(keras.callbacks.Callback):
    """Weight averaging (EMA): exchanges weights and running mean.

    Put into the list twice, it lends the mean to the callbacks between:
    they validate and keep it, while training goes on from the weights.

    Reference: Polyak and Juditsky, 1992, "Acceleration of stochastic
    approximation by averaging".
    """

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        # As keras.callbacks.SwapEMAWeights does, there is no public name.
        averages = optimizer._model_variables_moving_average
        for weight, average in zip(
            optimizer._trainable_variables, averages, strict=True
        ):
            # NumPy arrays: assigning must not change what was read.
            before = keras.ops.convert_to_numpy(weight).copy()
            weight.assign(average)
            average.assign(before)


class GeneratedValidation(keras.callbacks.Callback):
    """Validation by generated captions, after each epoch.

    Args:
        score: function of the epoch to a dict of floats; they join the logs
            as `val_NAME`.
    """

    def __init__(self, score):
        super().__init__()
        self.score = score

    def on_epoch_end(self, epoch, logs=None):
        if logs is None:
            return
        scores = self.score(epoch)
        logs.update({f"val_{name}": value for name, value in scores.items()})


class KeepBest(keras.callbacks.Callback):
    """Early stopping: keeps the best epoch's weights, stops without better.

    Args:
        path: file of the best weights.
        progress: the run's `Progress`.
        metric: name in the logs, such as "val_CIDEr" or "loss".
        patience: int, epochs without a better one before training stops;
            below 1 never.
        fall_patience: int, epochs without a better one before the learning
            rate falls; 0 never. It needs a constant learning rate.
        fall: float, factor on the learning rate.
        say: function of a line of text.

    As long as the metric is the same for every epoch (CIDEr of one picture
    is 0 whatever is said), the reward or the loss of training decides.
    """

    def __init__(
        self,
        path,
        progress,
        metric,
        patience=0,
        fall_patience=0,
        fall=0.5,
        say=print,
    ):
        super().__init__()
        self.say = say
        self.path = Path(path)
        self.progress = progress
        self.metric = metric
        self.patience = patience
        self.fall_patience = fall_patience
        self.fall = fall

    def on_epoch_end(self, epoch, logs=None):
        value = (logs or {}).get(self.metric)
        progress = self.progress
        if value is None:
            known = ", ".join(sorted(logs or {}))
            raise ValueError(f"no metric {self.metric!r}; there are {known}")
        value = float(value)
        sign = -1 if self.metric.endswith("loss") else 1
        tie = logs["reward"] if "reward" in logs else -logs.get("loss", 0.0)
        better = progress.best is None or sign * value > sign * progress.best
        progress.tells_apart |= progress.best not in (None, value)
        if not progress.tells_apart and not better:
            if progress.since_best == 0 and progress.best_epoch == 1:
                name = "reward" if "reward" in logs else "training loss"
                self.say(
                    f"{self.metric} is {value:.3f} for every epoch so far: "
                    f"until it tells them apart, the {name} decides"
                )
            better = progress.best_tie is None or tie > progress.best_tie
        if better:
            progress.best, progress.best_epoch = value, epoch + 1
            progress.best_tie = float(tie)
            progress.since_best = progress.since_fall = 0
            save_weights(self.path, self.model)
            return
        progress.since_best += 1
        progress.since_fall += 1
        if self.fall_patience and progress.since_fall >= self.fall_patience:
            progress.since_fall = 0
            rate = self.model.optimizer.learning_rate
            rate.assign(float(rate) * self.fall)
        if 0 < self.patience <= progress.since_best:
            self.model.stop_training = True


class MetricsLog(keras.callbacks.Callback):
    """Metrics log: appends each epoch's to metrics.jsonl.

    Args:
        path: the file.
    """

    def __init__(self, path):
        super().__init__()
        self.path = Path(path)
        self._began = None

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        entry = {"epoch": epoch + 1}
        entry["seconds"] = round(time.monotonic() - self._began, 2)
        entry.update({k: float(v) for k, v in (logs or {}).items()})
        rate = self.model.optimizer.learning_rate
        entry["learning_rate"] = float(keras.ops.convert_to_numpy(rate))
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class ScheduledSampling(keras.callbacks.Callback):
    """Scheduled sampling: sets the task's rate by epoch.

    Args:
        rate: function of the epoch, from 0, to a float.
    """

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def on_epoch_begin(self, epoch, logs=None):
        self.model.scheduled_sampling_rate.assign(self.rate(epoch))

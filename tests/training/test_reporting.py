"""Reports of a training, and the means of an epoch that was interrupted."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from imcap.progress import Meter
from imcap.training.callbacks import (
    Interruptible,
    Progress,
    metric_sums,
    set_metric_sums,
)
from imcap.training.checkpoints import load_state
from imcap.training.reporting import (
    ScalarLog,
    Summaries,
    TrainingReport,
    describe_logs,
)

STEPS = 3


def make_model():
    """y = 0 · x, which does not learn: a step's loss is the mean of y²."""
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def fit(model, progress, callbacks, first=0, epochs=2):
    """Fits steps of loss 1, 4, 9, 16 … from the first up to the last epoch."""
    last = epochs * STEPS
    y = np.arange(first + 1, last + 1, dtype="float32").repeat(2)[:, None]
    data = tf.data.Dataset.from_tensor_slices((np.ones_like(y), y)).batch(2)
    begun = first % STEPS
    model.fit(
        data, epochs=epochs, initial_epoch=first // STEPS,
        steps_per_epoch=STEPS - begun, callbacks=callbacks, verbose=0,
        shuffle=False,
    )  # fmt: skip


def read_scalars(folder):
    """{tag: {step: float}} of the one event file in a folder."""
    (path,) = folder.iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = event_pb2.Event.FromString(record.numpy())
        for value in event.summary.value:
            number = float(tf.make_ndarray(value.tensor))
            found.setdefault(value.tag, {})[event.step] = number
    return found


def test_tensorboard_has_every_step_in_one_file(tmp_path):
    progress, summaries = Progress(STEPS), Summaries(tmp_path / "logs")
    log = ScalarLog(summaries, progress)
    saver = Interruptible(tmp_path / "state.npz", progress)
    fit(make_model(), progress, [log, saver])
    summaries.close()
    found = read_scalars(tmp_path / "logs")
    assert found["step/loss"] == pytest.approx(
        {step: step**2 for step in range(1, 7)}
    )
    assert found["epoch/loss"] == pytest.approx({1: 14 / 3, 2: 77 / 3})
    assert set(found["step/learning_rate"].values()) == {0.0}


class Losses(keras.callbacks.Callback):
    """Keeps each epoch's loss."""

    def __init__(self):
        super().__init__()
        self.values = {}

    def on_epoch_end(self, epoch, logs=None):
        self.values[epoch + 1] = logs["loss"]


def test_means_of_an_interrupted_epoch_are_of_the_whole(tmp_path):
    state, losses = tmp_path / "state.npz", Losses()
    progress = Progress(STEPS)
    saver = Interruptible(state, progress, remedy="go on")
    # Ctrl-C within the second epoch's second step.
    stop = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: (
            saver._ask() if progress.step == 4 else None
        )
    )
    with pytest.raises(KeyboardInterrupt, match="go on"):
        fit(make_model(), progress, [stop, losses, saver])
    assert losses.values == pytest.approx({1: 14 / 3})

    model, progress = make_model(), Progress(STEPS)
    progress.restore(load_state(state, model))
    assert progress.step == 5
    summaries = Summaries(tmp_path / "logs")
    log = ScalarLog(summaries, progress)
    callbacks = [losses, log, Interruptible(state, progress)]
    fit(model, progress, callbacks, first=5)
    assert losses.values == pytest.approx({1: 14 / 3, 2: 77 / 3})
    # What is not known of the first step is not made up.
    summaries.close()
    found = read_scalars(tmp_path / "logs")
    assert "step/loss" not in found
    assert found["epoch/loss"] == pytest.approx({2: 77 / 3})
    # Nothing of it is left for the next epoch.
    progress.restore(load_state(state, model))
    fit(model, progress, [losses, Interruptible(state, progress)], 6, 3)
    assert losses.values[3] == pytest.approx((49 + 64 + 81) / 3)


def test_sums_of_other_metrics_are_left_alone():
    model = make_model()
    model.metrics[0].update_state(3.0)
    before = metric_sums(model)
    set_metric_sums(model, {"loss": [1.0], "reward": [2.0, 3.0]})
    assert metric_sums(model) == before
    set_metric_sums(model, {"loss": [8.0, 2.0]})
    assert float(model.metrics[0].result()) == 4.0


def test_each_epoch_has_a_line_with_readable_numbers(monkeypatch, tmp_path):
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    progress = Progress(STEPS)
    with Meter(2 * STEPS, "training", "steps") as meter:
        report = TrainingReport(meter, progress, epochs=2)
        saver = Interruptible(tmp_path / "state.npz", progress)
        fit(make_model(), progress, [report, saver])
    lines = said.getvalue().splitlines()
    assert lines[0] == "training: 6 steps"
    assert [line.rpartition(", ")[0] for line in lines[1:3]] == [
        "epoch 1/2: loss 4.6667", "epoch 2/2: loss 25.6667",
    ]  # fmt: skip
    assert lines[3].startswith("training: 6 steps in")
    assert len(lines) == 4
    assert describe_logs({"CIDEr": 1.067e-13}) == "CIDEr 0.0000"

"""What a training leaves behind, and how one is interrupted."""

import json
import os
import signal

import numpy as np


def arrays(path):
    """Weights and all else that a state file holds, but its position."""
    with np.load(path) as file:
        return {key: file[key] for key in file.files if key != "position"}


def position(path):
    """Where a state file says that training stands."""
    with np.load(path) as file:
        return json.loads(str(file["position"]))


def history(run):
    """The epochs of a run's metrics.jsonl."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_same_state(first, second):
    """Asserts that two state files hold the same bits."""
    first, second = arrays(first), arrays(second)
    assert first.keys() == second.keys()
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key])


class StopAfter:
    """Makes a run behave as if Ctrl-C came during batch number `step`."""

    def __init__(self, monkeypatch, step):
        from imcap.training.callbacks import Interruptible

        plain = Interruptible.on_train_batch_end

        def interrupted(self, batch, logs=None):
            if self.progress.step + 1 == step:
                os.kill(os.getpid(), signal.SIGINT)
            plain(self, batch, logs)

        monkeypatch.setattr(Interruptible, "on_train_batch_end", interrupted)

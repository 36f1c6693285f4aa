"""The best epoch, also where a metric cannot tell epochs apart."""

import keras
import pytest

from imcap.training.callbacks import KeepBest, Progress


def best_epochs(path, logs, **options):
    """The best epoch after each epoch's logs, and what was said."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.build((None, 2))
    model.compile("sgd", "mse")
    said, progress = [], Progress(1)
    keep = KeepBest(path, progress, say=said.append, **options)
    keep.set_model(model)
    best = []
    for epoch, values in enumerate(logs):
        model.stop_training = False
        keep.on_epoch_end(epoch, dict(values))
        best.append(progress.best_epoch)
        if model.stop_training:
            break
    return best, said


@pytest.fixture
def path(tmp_path):
    return tmp_path / "best.weights.h5"


def rows(name, values, other="loss", others=(5.0, 4.0, 4.5, 3.0)):
    return [
        {name: value, other: tie}
        for value, tie in zip(values, others, strict=True)
    ]


def test_the_highest_or_the_lowest(path):
    options = {"metric": "val_CIDEr", "patience": 2}
    logs = rows("val_CIDEr", [0.1, 0.3, 0.2, 0.3])
    assert best_epochs(path, logs, **options) == ([1, 2, 2, 2], [])
    assert path.exists()
    logs = rows("loss", [3.0, 2.0, 2.5, 1.0], "accuracy")
    assert best_epochs(path, logs, metric="loss") == ([1, 2, 2, 4], [])


def test_a_metric_that_is_always_the_same_leaves_it_to_the_loss(path):
    """Patience counts epochs without a lower loss then."""
    logs = rows("val_CIDEr", [0.0] * 4)
    found, said = best_epochs(path, logs, metric="val_CIDEr", patience=2)
    assert found == [1, 2, 2, 4]
    (line,) = said
    assert "val_CIDEr is 0.000" in line and "training loss decides" in line


def test_a_metric_that_tells_epochs_apart_at_last(path):
    logs = rows("val_CIDEr", [0.0, 0.0, 0.2, 0.2])
    found, _ = best_epochs(path, logs, metric="val_CIDEr")
    assert found == [1, 2, 3, 3], "of two later ones that are equal, the first"


def test_of_samples_the_reward_decides(path):
    logs = rows("val_CIDEr", [0.0] * 4, "reward", [0.1, 0.3, 0.2, 0.4])
    found, said = best_epochs(path, logs, metric="val_CIDEr")
    assert found == [1, 2, 2, 4] and "reward decides" in said[0]


def test_a_metric_that_is_not_there(path):
    with pytest.raises(ValueError, match="no metric 'val_CIDEr'"):
        best_epochs(path, [{"loss": 1.0}], metric="val_CIDEr")

"""`imcap match train --global_head`, with crops, from flags to scores."""

import numpy as np
import pytest

from helpers.matching_runs import evaluate, metrics, train
from helpers.tiny_data import write_captions, write_crops, write_features
from helpers.training_runs import history
from imcap.data.features.store import FeatureStore
from imcap.matching.run import MatchRun
from imcap.models.scan import Scan

HEAD = {"global_head": 6, "feature_dropout": 0.1, "word_dropout": 0.1}


@pytest.fixture
def options(tmp_path):
    return {
        "input_json": write_captions(tmp_path / "captions.json"),
        "features": write_features(tmp_path / "features.h5"),
        "max_violation": True,
        "max_violation_after": 1,
        **HEAD,
    }


def test_a_head_is_trained_and_scores(options, tmp_path, monkeypatch):
    begun = []
    begin = Scan.start_as_ridge
    monkeypatch.setattr(
        Scan,
        "start_as_ridge",
        lambda self, *given: begun.append(self) or begin(self, *given),
    )
    assert train(tmp_path, **options) == 0
    assert len(begun) == 1
    run = tmp_path / "run"
    assert evaluate(run, "--split", "test") == 0
    assert metrics(run, "test")["rsum"] > 0
    before = history(run)
    assert (
        train(tmp_path, "--start_from", run, **options | {"num_epochs": 3}) == 0
    )
    assert len(begun) == 1, "a run that goes on keeps its head"
    assert history(run)[:2] == before
    model = MatchRun.open(run).task()
    words = np.asarray(model.global_caption.embedding.embeddings)
    assert np.abs(words).max() > 0


def test_crops_are_seen(options, tmp_path):
    store = FeatureStore.open(options["features"])
    options["augmented_features"] = write_crops(store, tmp_path / "crops.h5")
    losses = []
    for name in ("run", "other"):
        run = tmp_path / name
        options["num_epochs"] = 1
        assert train(tmp_path, **options | {"checkpoint_path": run}) == 0
        losses.append(history(run)[0]["loss"])
        options["augmented_features"] = None
    assert abs(losses[0] - losses[1]) > 1e-3


@pytest.mark.parametrize("loss", ["hinge", "contrastive"])
def test_losses_of_attention(options, tmp_path, loss):
    options["num_epochs"] = 1
    assert train(tmp_path, **options, loss=loss, temperature=0.1) == 0
    assert np.isfinite(history(tmp_path / "run")[0]["loss"])


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("global_head", -1),
        ("word_dropout", 1.0),
        ("feature_dropout", -0.1),
        ("temperature", 0),
    ],
)
def test_out_of_range(options, tmp_path, capsys, flag, value):
    assert train(tmp_path, **options | {flag: value}) == 2
    assert f"--{flag}" in capsys.readouterr().err


def test_a_line_and_attention_count_the_same(options, tmp_path):
    """Scores of different sizes are brought to one before the mean."""
    runs = {"scan": {}, "ridge": {"matcher": "ridge"}}
    scores = {}
    for name, more in runs.items():
        given = options | {"checkpoint_path": tmp_path / name} | more
        assert train(tmp_path, **given) == 0
        path = tmp_path / f"{name}.npy"
        line = ["--split", "test", "--save_scores", path]
        assert evaluate(tmp_path / name, *line) == 0
        scores[name] = np.load(path)
    path = tmp_path / "both.npy"
    more = ["--ensemble", tmp_path / "ridge", "--save_scores", path]
    assert evaluate(tmp_path / "scan", "--split", "test", *more) == 0
    expected = np.mean([each / each.std() for each in scores.values()], axis=0)
    np.testing.assert_allclose(np.load(path), expected, rtol=1e-5)

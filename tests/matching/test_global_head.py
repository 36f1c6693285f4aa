"""`imcap match train --global_head`, with crops, from flags to scores."""

import dataclasses

import numpy as np
import pytest

from helpers.matching_runs import evaluate, metrics, train
from helpers.tiny_data import write_captions, write_crops, write_features
from helpers.training_runs import history
from imcap.data.features.store import FeatureStore
from imcap.matching.run import MatchRun
from imcap.models import ridge_matcher
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
    other = tmp_path / "other"
    more = {"checkpoint_path": other, "num_epochs": 1, "learning_rate": 0.0}
    assert train(tmp_path, "--start_from", run, **options | more) == 0
    assert len(begun) == 1, "another run goes on with its head"
    heads = [head_words(MatchRun.open(path)) for path in (run, other)]
    np.testing.assert_array_equal(*heads)
    assert MatchRun.open(other).baseline() is not None


def head_words(run):
    return np.asarray(run.task().global_caption.embedding.embeddings)


def test_an_interrupted_training_ends_the_same(options, tmp_path):
    """Dropout and order of batches included."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(tmp_path, **options | {"checkpoint_path": whole}) == 0
    first = options | {"checkpoint_path": parts, "num_epochs": 1}
    assert train(tmp_path, **first) == 0
    assert (
        train(tmp_path, "--start_from", parts, **first | {"num_epochs": 2}) == 0
    )
    last = [MatchRun.open(run).task("last") for run in (whole, parts)]
    for one, other in zip(*(task.weights for task in last), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_line_is_solved_once(options, tmp_path, monkeypatch, capsys):
    calls = []
    solve = ridge_matcher.solve_ridge
    monkeypatch.setattr(
        ridge_matcher,
        "solve_ridge",
        lambda *given: calls.append(given[-1]) or solve(*given),
    )
    options["num_epochs"] = 1
    assert train(tmp_path, **options) == 0
    assert calls == [128], "of the baseline, the head's are the first six"
    assert "solving a ridge regression" in capsys.readouterr().out
    more = options | {"force": True, "no_baseline": True}
    assert train(tmp_path, **more) == 0
    assert calls == [128, 6]
    run = tmp_path / "run"
    assert MatchRun.open(run).baseline() is None
    assert evaluate(run, "--split", "test") == 0
    assert "baseline" not in metrics(run, "test")
    assert train(tmp_path, **more | {"global_head": 0}) == 0
    assert calls == [128, 6]


def test_scores_that_were_kept_are_of_these_settings(options, tmp_path):
    """Weights alone do not say what scores are."""
    assert train(tmp_path, **options | {"num_epochs": 1}) == 0
    run = tmp_path / "run"
    kept = []
    for weight in (0.0, 50.0):
        opened = MatchRun.open(run)
        opened.config = dataclasses.replace(opened.config, global_weight=weight)
        opened.write_config()
        path = tmp_path / f"{weight}.npy"
        words = ["--split", "test", "--save_scores", path]
        assert evaluate(run, *words) == 0
        kept.append(np.load(path))
    assert np.abs(kept[1] - kept[0]).max() > 1.0


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


def test_attention_learns_by_a_contrastive_loss(options, tmp_path):
    """Of 16 pairs a batch, whose scores say nothing yet: 2 ln 16, twice."""
    options |= {"num_epochs": 1, "max_violation": False, "learning_rate": 0.0}
    assert train(tmp_path, **options, loss="contrastive", temperature=9.0) == 0
    found = history(tmp_path / "run")[0]["loss"]
    assert found == pytest.approx(4 * np.log(16), rel=0.15)


def test_flags_of_the_other_loss_or_matcher(options, tmp_path, capsys):
    assert train(tmp_path, **options, loss="contrastive") == 2
    assert "--max_violation" in capsys.readouterr().err
    crops = {"augmented_features": "crops.h5", "matcher": "ridge"}
    assert train(tmp_path, **options | crops) == 2
    assert "--augmented_features" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("global_head", -1),
        ("word_dropout", 1.0),
        ("feature_dropout", -0.1),
        ("temperature", 0),
        ("global_weight", -1),
    ],
)
def test_out_of_range(options, tmp_path, capsys, flag, value):
    assert train(tmp_path, **options | {flag: value}) == 2
    assert f"--{flag}" in capsys.readouterr().err


RIDGE = {"matcher": "ridge"}


@pytest.mark.parametrize(
    "runs",
    [
        {"scan": {}, "ridge": RIDGE},
        {"scan": RIDGE | {"ridge_scores": "cosine"}, "ridge": RIDGE},
    ],
    ids=["attention and ridge", "cosine and standard"],
)
def test_kinds_of_scores_count_the_same(options, tmp_path, runs):
    """Scores of different sizes are brought to one before the mean."""
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

"""`imcap train`: learns, stops, continues exactly, refuses bad input."""

import dataclasses
import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from helpers.tiny_data import (
    flags,
    prepare_folder,
    write_captions,
    write_crops,
)
from helpers.training_runs import (
    StopAfter,
    assert_same_state,
    history,
    position,
)
from imcap.cli import evaluate, train
from imcap.data.features.store import FeatureStore


@pytest.fixture
def folder(tmp_path):
    return prepare_folder(tmp_path)


def test_twenty_images_are_learnt_by_heart(folder):
    options = {"max_epochs": 60, "dr": False, "train_only": True}
    options["max_length"] = 7  # whole captions
    words = flags(folder, **options, lstm_dim=64, emb_dim=32, z_dim=32)
    captions = json.loads((folder / "captions.json").read_text())
    for entry in captions["images"]:
        entry["sentences"] = entry["sentences"][:1]
    (folder / "captions.json").write_text(json.dumps(captions))
    assert train.main([*words, "--sgate", "--seq_per_img", "1"]) == 0
    run = str(folder / "run")
    assert evaluate.main(["--model", run, "--split", "train"]) == 0
    out = folder / "run" / "evaluation" / "train_beam5" / "metrics.json"
    metrics = json.loads(out.read_text())
    assert metrics["Bleu_4"] > 0.95
    assert metrics["images"] == 20


def test_interrupted_run_goes_on_bit_for_bit(folder, monkeypatch, capsys):
    options = {
        "max_epochs": 3,
        "scheduled_sampling_start": 0,
        "scheduled_sampling_increase_every": 1,
        "weight_average": 0.9,
        "accumulate": 2,
        "augmented_features": write_crops(
            FeatureStore.open(folder / "features.h5"), folder / "crops.h5"
        ),
    }
    words = flags(folder, **options)
    assert train.main(words) == 0
    again = [*words, "--checkpoint_path", str(folder / "other")]
    with monkeypatch.context() as patched:
        StopAfter(patched, step=6)  # in the middle of the second epoch
        assert train.main(again) == 130
    remedy = f"go on with: imcap train --start_from {folder / 'other'}"
    assert f"imcap train: interrupted; {remedy}\n" in capsys.readouterr().err
    assert position(folder / "other" / "state.npz")["step"] == 6
    assert train.main(["--start_from", str(folder / "other")]) == 0
    assert_same_state(
        folder / "run" / "state.npz", folder / "other" / "state.npz"
    )
    ours, others = (
        [
            (entry["loss"], entry["val_CIDEr"])
            for entry in history(folder / name)
        ]
        for name in ("run", "other")
    )
    assert ours == others
    assert len(list((folder / "run" / "logs").rglob("*.*"))) == 1


def test_views_are_trained_on_until_the_cnn_is(trained):
    store = FeatureStore.open(trained / "features.h5")
    crops = write_crops(store, trained / "crops.h5")
    more = {"augmented_features": crops, "checkpoint_path": trained / "more"}
    assert train.main(flags(trained, max_epochs=1, **more)) == 0
    losses = [history(trained / name)[0]["loss"] for name in ("run", "more")]
    assert abs(losses[0] - losses[1]) > 1e-3
    given = {"start_from": str(trained / "more")}
    assert train.resolve_config(dict(given)).augmented_features == str(crops)
    config = train.resolve_config(given | {"cnntrain": True})
    assert config.augmented_features is None


def test_ctrl_c_from_outside(folder):
    words = flags(folder, max_epochs=10000, train_only=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "imcap", "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "epoch 3/" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    remedy = f"go on with: imcap train --start_from {folder / 'run'}"
    assert errors.splitlines()[-1] == f"imcap train: interrupted; {remedy}"
    assert position(folder / "run" / "state.npz")["step"] > 0
    assert not [p for p in (folder / "run").iterdir() if "partial" in p.name]


def test_a_new_run_from_anothers_weights(trained):
    more = ["--start_from", str(trained / "run"), "--max_epochs", "1"]
    second = ["--checkpoint_path", str(trained / "second")]
    assert train.main([*more, *second, "--learning_rate", "0"]) == 0
    config = json.loads((trained / "second" / "config.json").read_text())
    assert config["lstm_dim"] == 13
    best = position(trained / "run" / "state.npz")["best"]
    found = history(trained / "second")[0]["val_CIDEr"]
    assert found == pytest.approx(best)


def test_best_weights_are_kept_and_patience_ends(folder):
    words = flags(folder, max_epochs=9, learning_rate=0.0, patience=2)
    assert train.main(words) == 0
    # The first epoch is the best, and nothing ever changes.
    assert len(history(folder / "run")) == 3
    assert (folder / "run" / "best.weights.h5").exists()


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_mixed_precision_trains(folder, precision):
    from imcap.captioning.data import open_data
    from imcap.captioning.loop import TrainingLoop
    from imcap.captioning.run import CaptionerRun

    words = flags(
        folder, mixed_precision=precision, weight_average=0.9, max_epochs=1
    )
    assert train.main(words) == 0
    assert np.isfinite(history(folder / "run")[-1]["loss"])
    again = ["--start_from", str(folder / "run"), "--max_epochs", "2"]
    assert train.main(again) == 0
    assert len(history(folder / "run")) == 2
    config = CaptionerRun.open(folder / "run").config
    given = {"start_from": str(folder / "run")}
    loop = TrainingLoop(*open_data(dataclasses.replace(config, **given)))
    scaled = isinstance(
        loop.task.optimizer, keras.optimizers.LossScaleOptimizer
    )
    assert scaled == (precision == "float16")


def test_small_sets_are_warned_about(trained, capsys):
    assert evaluate.main(["--model", str(trained / "run")]) == 0
    assert "not meaningful" in capsys.readouterr().out
    results = json.loads(
        (
            trained / "run" / "evaluation" / "test_beam5" / "results.json"
        ).read_text()
    )
    assert [entry["image_id"] for entry in results] == [122, 123]


def test_splits_stay_apart_and_ids_aligned(folder):
    """What is trained on is training only, with its own features."""
    from imcap.captioning.data import open_data
    from imcap.captioning.loop import TrainingLoop
    from imcap.captioning.train_settings import TrainConfig
    from imcap.data.features.store import FeatureStore

    write_captions(folder / "captions.json")
    config = TrainConfig(
        input_json=str(folder / "captions.json"),
        features=str(folder / "features.h5"),
        checkpoint_path=str(folder / "run"),
        word_count_threshold=0,
        batch_size=5,
        lstm_dim=3,
        emb_dim=3,
        z_dim=3,
    )
    run, data = open_data(config)
    train_ids = set(data.training.image_ids)
    assert not train_ids & set(data.validation.image_ids)
    assert max(train_ids) < 120 <= min(data.validation.image_ids)
    loop = TrainingLoop(run, data)
    store = FeatureStore.open(config.features)
    rows = loop.batches.rows(2)
    inputs, _, _ = loop.batches.batch(2)
    ids = [data.training.image_ids[row] for row in rows]
    np.testing.assert_array_equal(inputs["features"], store.read(ids)[0])


def test_flags_of_other_captioners_are_named(folder, capsys):
    options = {"max_epochs": 1, "caption_model": "show_attend_tell"}
    words = flags(folder, **options, location_dropout=0.2, heads=2)
    assert train.main(words) == 0
    printed = capsys.readouterr().out
    for name in ("location_dropout", "heads"):
        assert f"--{name} does nothing for show_attend_tell" in printed
    assert printed.count("does nothing") == 2

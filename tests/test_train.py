"""`imcap train`: learns, stops, continues exactly, refuses bad input."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from tiny_data import (
    flags,
    prepare_folder,
    write_captions,
    write_features,
    write_views,
)

from imcap import evaluate, train
from imcap.data.features import FeatureStore


@pytest.fixture
def folder(tmp_path):
    return prepare_folder(tmp_path)


def arrays(path):
    with np.load(path) as file:
        return {key: file[key] for key in file.files if key != "position"}


def position(path):
    with np.load(path) as file:
        return json.loads(str(file["position"]))


def history(run):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_same_state(first, second):
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


def test_twenty_images_are_learnt_by_heart(folder):
    options = {"max_epochs": 60, "dr": False, "train_only": True}
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
        "augmented_features": write_views(
            FeatureStore.open(folder / "features.h5"), folder / "views.h5"
        ),
    }
    words = flags(folder, **options)
    assert train.main(words) == 0
    again = [*words, "--checkpoint_path", str(folder / "other")]
    with monkeypatch.context() as patched:
        StopAfter(patched, step=6)  # in the middle of the second epoch
        assert train.main(again) == 130
    assert "interrupted" in capsys.readouterr().err
    assert position(folder / "other" / "state.npz")["step"] == 6
    assert train.main(["--start_from", str(folder / "other")]) == 0
    assert_same_state(
        folder / "run" / "state.npz", folder / "other" / "state.npz"
    )
    ours, others = (
        [entry["val_CIDEr"] for entry in history(folder / name)]
        for name in ("run", "other")
    )
    assert ours == others


def test_views_are_trained_on_until_the_cnn_is(folder):
    store = FeatureStore.open(folder / "features.h5")
    views = write_views(store, folder / "views.h5")
    assert train.main(flags(folder, max_epochs=1)) == 0
    more = {"augmented_features": views, "checkpoint_path": folder / "more"}
    assert train.main(flags(folder, max_epochs=1, **more)) == 0
    losses = [history(folder / name)[0]["loss"] for name in ("run", "more")]
    assert abs(losses[0] - losses[1]) > 1e-3
    given = {"start_from": str(folder / "more")}
    assert train.completed(dict(given)).augmented_features == str(views)
    config = train.completed(given | {"cnntrain": True})
    assert config.augmented_features is None


def test_views_of_other_pictures_are_refused(folder, capsys):
    store = FeatureStore.open(folder / "features.h5")
    views = write_views(store, folder / "views.h5", only=store.ids[20:])
    words = flags(folder, augmented_features=views)
    assert train.main(words) == 2
    assert "no view of image 100" in capsys.readouterr().err
    views = write_views(store, folder / "some.h5", only=store.ids[:15])
    assert train.main(flags(folder, augmented_features=views)) == 0
    said = "5 of 20 training pictures have no views"
    assert said in capsys.readouterr().out
    words = flags(folder, augmented_features=views, cnntrain=True)
    assert train.main([*words, "--force"]) == 2
    assert "--augmented_features are of a network" in capsys.readouterr().err


def test_ctrl_c_from_outside(folder):
    words = flags(folder, max_epochs=10000, train_only=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "imcap", "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "Epoch 3/" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.strip() == "imcap train: interrupted"
    assert position(folder / "run" / "state.npz")["step"] > 0
    assert not [p for p in (folder / "run").iterdir() if "partial" in p.name]


def test_a_new_run_from_anothers_weights(folder):
    assert train.main(flags(folder)) == 0
    more = ["--start_from", str(folder / "run"), "--max_epochs", "1"]
    second = ["--checkpoint_path", str(folder / "second")]
    assert train.main([*more, *second, "--learning_rate", "0"]) == 0
    config = json.loads((folder / "second" / "config.json").read_text())
    assert config["lstm_dim"] == 13
    best = position(folder / "run" / "state.npz")["best"]
    found = history(folder / "second")[0]["val_CIDEr"]
    assert found == pytest.approx(best)


def test_best_weights_are_kept_and_patience_ends(folder):
    words = flags(folder, max_epochs=9, learning_rate=0.0, patience=2)
    assert train.main(words) == 0
    # The first epoch is the best, and nothing ever changes.
    assert len(history(folder / "run")) == 3
    assert (folder / "run" / "best.weights.h5").exists()


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_mixed_precision_trains(folder, precision):
    from imcap.runs import Run
    from imcap.training_data import open_data
    from imcap.training_loop import TrainingLoop

    words = flags(folder, mixed_precision=precision, weight_average=0.9)
    assert train.main(words) == 0
    assert np.isfinite(history(folder / "run")[-1]["loss"])
    again = ["--start_from", str(folder / "run"), "--max_epochs", "3"]
    assert train.main(again) == 0
    assert len(history(folder / "run")) == 3
    config = Run.open(folder / "run").config
    given = {"start_from": str(folder / "run")}
    loop = TrainingLoop(*open_data(dataclasses.replace(config, **given)))
    scaled = isinstance(
        loop.task.optimizer, keras.optimizers.LossScaleOptimizer
    )
    assert scaled == (precision == "float16")


def bad_json(folder):
    (folder / "captions.json").write_text('{"images": [{"spl')
    return "captions.json", "not valid JSON"


def no_json(folder):
    (folder / "captions.json").unlink()
    return "captions.json", "no such file"


def cut_features(folder):
    data = (folder / "features.h5").read_bytes()
    (folder / "features.h5").write_bytes(data[: len(data) // 2])
    return "features.h5", ""


def no_features(folder):
    (folder / "features.h5").unlink()
    return "features.h5", ""


def other_ids(folder):
    text = (folder / "captions.json").read_text()
    changed = json.loads(text)
    for entry in changed["images"]:
        entry["imgid"] += 5000
    (folder / "captions.json").write_text(json.dumps(changed))
    return "captions.json", "belong together"


@pytest.mark.parametrize(
    "spoil", [bad_json, no_json, cut_features, no_features, other_ids]
)
def test_bad_input_is_one_line(folder, capsys, spoil):
    name, said = spoil(folder)
    assert train.main(flags(folder)) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert name in error
    assert said in error
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    "more, said",
    [
        (["--caption_model", "adaptiv"], "adaptive"),
        (["--optim", "adamm"], "adam"),
        (["--sample_temperature", "0"], "--sample_temperature"),
        (["--augmented_features", "nowhere.h5"], "no such feature file"),
        (["--sgate", "--lstm"], "--lstm"),
        (["--batch_size", "0"], "--batch_size"),
        (["--start_from", "nowhere"], "no such run"),
        (["--es_metric", "CIDER"], "CIDEr"),
    ],
)
def test_flags_that_cannot_be(folder, capsys, more, said):
    assert train.main([*flags(folder), *more]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert said in error


def test_unknown_flag(capsys):
    with pytest.raises(SystemExit) as exit_info:
        train.main(["--sgaet"])
    assert exit_info.value.code == 2
    assert "--sgate" in capsys.readouterr().err


def test_existing_run_is_not_overwritten(folder, capsys):
    assert train.main(flags(folder)) == 0
    before = (folder / "run" / "state.npz").read_bytes()
    assert train.main(flags(folder)) == 2
    assert "--start_from" in capsys.readouterr().err
    assert (folder / "run" / "state.npz").read_bytes() == before


def test_unwritable_folder(folder, capsys):
    (folder / "run").write_text("a file, not a folder")
    assert train.main(flags(folder)) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1


def test_continuing_with_other_widths_is_refused(folder, capsys):
    assert train.main(flags(folder)) == 0
    capsys.readouterr()
    more = ["--start_from", str(folder / "run"), "--lstm_dim", "19"]
    assert train.main(more) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert "do not fit" in error


def test_features_of_another_width(folder, tmp_path, capsys):
    assert train.main(flags(folder)) == 0
    write_features(folder / "wide.h5", channels=13)
    capsys.readouterr()
    words = ["--model", str(folder / "run")]
    assert evaluate.main([*words, "--features", str(folder / "wide.h5")]) == 2
    error = capsys.readouterr().err.strip()
    assert "13 wide" in error and "11" in error


def test_vocabulary_of_another_run(folder, capsys):
    assert train.main(flags(folder)) == 0
    path = folder / "run" / "vocabulary.json"
    other = json.loads(path.read_text())
    other["words"] = [*other["words"], "zebra"]
    path.write_text(json.dumps(other))
    capsys.readouterr()
    assert evaluate.main(["--model", str(folder / "run")]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1


def test_damaged_weights(folder, capsys):
    assert train.main(flags(folder)) == 0
    path = folder / "run" / "best.weights.h5"
    path.write_bytes(path.read_bytes()[:1000])
    capsys.readouterr()
    assert evaluate.main(["--model", str(folder / "run")]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert "best.weights.h5" in error


def test_small_sets_are_warned_about(folder, capsys):
    assert train.main(flags(folder)) == 0
    assert evaluate.main(["--model", str(folder / "run")]) == 0
    assert "not meaningful" in capsys.readouterr().out
    results = json.loads(
        (
            folder / "run" / "evaluation" / "test_beam5" / "results.json"
        ).read_text()
    )
    assert [entry["image_id"] for entry in results] == [122, 123]


def test_splits_stay_apart_and_ids_aligned(folder):
    """What is trained on is training only, with its own features."""
    from imcap.data.features import FeatureStore
    from imcap.train_config import TrainConfig
    from imcap.training_data import open_data
    from imcap.training_loop import TrainingLoop

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

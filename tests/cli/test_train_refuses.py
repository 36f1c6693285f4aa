"""`imcap train` and `evaluate` refuse what they cannot use, in one line."""

import json

import h5py
import numpy as np
import pytest

from helpers.tiny_data import flags, prepare_folder, write_crops, write_features
from imcap.cli import calibrate, evaluate, export, train
from imcap.data.features.store import FeatureStore


@pytest.fixture
def folder(tmp_path):
    return prepare_folder(tmp_path)


def only_line(capsys):
    """What was said on the error stream, in one line."""
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_views_of_other_pictures_are_refused(folder, capsys):
    store = FeatureStore.open(folder / "features.h5")
    crops = write_crops(store, folder / "crops.h5", only=store.ids[20:])
    words = flags(folder, augmented_features=crops)
    assert train.main(words) == 2
    assert "no crop of image 100" in capsys.readouterr().err
    crops = write_crops(store, folder / "some.h5", only=store.ids[:15])
    assert train.main(flags(folder, augmented_features=crops)) == 0
    said = "5 of 20 training pictures have no crops"
    assert said in capsys.readouterr().out
    words = flags(folder, augmented_features=crops, cnntrain=True)
    assert train.main([*words, "--force"]) == 2
    assert "--augmented_features are of a network" in capsys.readouterr().err


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


def other_features(folder, features):
    with h5py.File(folder / "features.h5", "w") as file:
        for image_id in range(100, 124):
            file[f"{image_id}_features"] = features
    return "features.h5"


def features_of_text(folder):
    return other_features(folder, np.full((7, 11), b"a dog")), "holds text"


def features_of_whole_numbers(folder):
    return other_features(folder, np.ones((7, 11), "int64")), "holds int64"


def complex_features(folder):
    return other_features(folder, np.ones((7, 11), complex)), "complex128"


def features_with_channels_first(folder):
    return other_features(folder, np.ones((2048, 36))), "transposed"


@pytest.mark.parametrize(
    "spoil",
    [
        bad_json, no_json, cut_features, no_features, other_ids,
        features_of_text, features_of_whole_numbers, complex_features,
        features_with_channels_first,
    ],
)  # fmt: skip
def test_bad_input_is_one_line(folder, capsys, spoil):
    name, said = spoil(folder)
    assert train.main(flags(folder)) == 2
    error = only_line(capsys)
    assert name in error
    assert said in error
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    "more, said",
    [
        (["--caption_model", "adaptiv"], "adaptive"),
        (["--sample_temperature", "0"], "--sample_temperature"),
        (["--augmented_features", "nowhere.h5"], "no such feature file"),
        (["--sgate", "--lstm"], "--lstm"),
        (["--batch_size", "0"], "--batch_size"),
        (["--learning_rate", "-1"], "--learning_rate -1.0"),
        (["--learning_rate", "nan"], "--learning_rate nan"),
        (["--val_beam_size", "0"], "--val_beam_size"),
        (["--lstm_dim", "0"], "--lstm_dim"),
        (["--workers", "0"], "--workers"),
        (["--seed", "-1"], "--seed -1"),
        (["--optim_beta", "2"], "--optim_beta"),
        (["--start_from", "nowhere"], "no such run"),
    ],
)
def test_flags_that_cannot_be(folder, capsys, more, said):
    assert train.main([*flags(folder), *more]) == 2
    assert said in only_line(capsys)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--sgaet"], "--sgate"),
        (["--optim", "adamm"], "'adam', 'adamw'"),
        (["--es_metric", "CIDER"], "'CIDEr', 'Bleu_4'"),
    ],
)
def test_words_that_no_flag_knows(capsys, words, said):
    with pytest.raises(SystemExit) as exit_info:
        train.main(words)
    assert exit_info.value.code == 2
    assert said in capsys.readouterr().err


def test_captions_that_were_not_given_are_asked_for(
    monkeypatch, tmp_path, capsys
):
    """Not even where the file of older defaults lies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cocotalk.json").write_text("{}")
    assert train.main(["--sgate"]) == 2
    assert "give --input_json FILE" in only_line(capsys)
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


@pytest.mark.parametrize("command", [calibrate, evaluate, export])
def test_a_run_that_was_not_given_is_asked_for(
    command, monkeypatch, tmp_path, capsys
):
    monkeypatch.chdir(tmp_path)
    words = ["somewhere"] if command is export else []
    assert command.main(words) == 2
    assert "give --model RUN" in only_line(capsys)


def test_existing_run_is_not_overwritten(trained, capsys):
    before = (trained / "run" / "state.npz").read_bytes()
    assert train.main(flags(trained)) == 2
    assert "--start_from" in capsys.readouterr().err
    assert (trained / "run" / "state.npz").read_bytes() == before


def test_unwritable_folder(folder, capsys):
    (folder / "run").write_text("a file, not a folder")
    assert train.main(flags(folder)) == 2
    assert only_line(capsys)


def test_continuing_with_other_widths_is_refused(trained, capsys):
    more = ["--start_from", str(trained / "run"), "--lstm_dim", "19"]
    assert train.main(more) == 2
    said = only_line(capsys)
    assert "has shape" in said and "was the model changed?" in said


def test_features_of_another_width(trained, capsys):
    write_features(trained / "wide.h5", channels=13)
    words = ["--model", str(trained / "run")]
    assert evaluate.main([*words, "--features", str(trained / "wide.h5")]) == 2
    error = capsys.readouterr().err.strip()
    assert "13 wide" in error and "11" in error


def test_vocabulary_of_another_run(trained, capsys):
    path = trained / "run" / "vocabulary.json"
    other = json.loads(path.read_text())
    other["words"] = [*other["words"], "zebra"]
    path.write_text(json.dumps(other))
    assert evaluate.main(["--model", str(trained / "run")]) == 2
    assert only_line(capsys)


def test_damaged_weights(trained, capsys):
    path = trained / "run" / "best.weights.h5"
    path.write_bytes(path.read_bytes()[:1000])
    assert evaluate.main(["--model", str(trained / "run")]) == 2
    assert "best.weights.h5" in only_line(capsys)

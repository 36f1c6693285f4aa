"""Every captioner is trained, continued and evaluated by the same commands."""

import json

import keras
import numpy as np
import pytest

from helpers.tiny_data import flags, prepare_folder, write_features
from imcap.cli import evaluate, train
from imcap.models.registry import CAPTIONERS

# What the tiny sizes of `tiny_data.flags` do not cover.
SMALL = {
    "emb_dim": 12,
    "heads": 2,
    "num_layers": 1,
    "ff_size": 13,
    "num_grids": 9,
    "dropout": 0.2,
    "max_length": 4,  # every word of a recurrence is compiled on its own
}


def arrays(run):
    with np.load(run / "state.npz") as file:
        return {key: file[key] for key in file.files if key != "position"}


def prepare_for(name, folder):
    """Small data; for SCA-CNN with the weights of a MobileNetV2."""
    prepare_folder(folder)
    if name != "sca_cnn":
        return folder
    weights = folder / "mobilenetv2.weights.h5"
    keras.applications.MobileNetV2(
        (96, 96, 3), weights=None, include_top=False
    ).save_weights(weights)
    (folder / "features.h5").unlink()
    write_features(
        folder / "features.h5",
        channels=960,
        locations=4,
        weights_path=str(weights),
    )
    return folder


# `spatial_pe` is another name of `spatial_transformer`.
@pytest.mark.parametrize("name", sorted({*CAPTIONERS} - {"spatial_pe"}))
def test_continued_is_uninterrupted(name, tmp_path):
    folder = prepare_for(name, tmp_path)
    options = {**SMALL, "caption_model": name, "train_only": True}
    words = flags(folder, **options)
    assert train.main([*words, "--max_epochs", "2"]) == 0
    other = str(folder / "other")
    first = [*words, "--checkpoint_path", other, "--max_epochs", "1"]
    assert train.main(first) == 0
    assert train.main(["--start_from", other, "--max_epochs", "2"]) == 0
    expected, found = arrays(folder / "run"), arrays(folder / "other")
    assert expected.keys() == found.keys()
    for key, array in expected.items():
        np.testing.assert_array_equal(found[key], array)
    run = ["--model", str(folder / "run"), "--metrics", "CIDEr"]
    assert evaluate.main(run) == 0
    results = folder / "run" / "evaluation" / "test_beam5" / "results.json"
    assert len(json.loads(results.read_text())) == 2


def test_runs_decode_together(tmp_path, capsys):
    folder = prepare_folder(tmp_path)
    runs = []
    for name in ("relation_transformer", "up_down"):
        path = str(folder / name)
        words = flags(folder, **SMALL, caption_model=name, train_only=True)
        assert train.main([*words, "--checkpoint_path", path]) == 0
        runs.append(path)
    both = ["--model", runs[0], "--ensemble", runs[1], "--metrics", "CIDEr"]
    assert evaluate.main([*both, "--output", str(folder / "out")]) == 0
    assert len(json.loads((folder / "out" / "results.json").read_text())) == 2
    # The first run is asked where locations are, so it has to be the one
    # that needs them.
    turned = ["--model", runs[1], "--ensemble", runs[0]]
    capsys.readouterr()
    assert evaluate.main(turned) == 2
    assert "give it as --model" in capsys.readouterr().err
    words = flags(folder, word_count_threshold=1000, train_only=True)
    fewer = str(folder / "fewer")
    assert train.main([*words, "--checkpoint_path", fewer]) == 0
    capsys.readouterr()
    assert evaluate.main(["--model", runs[0], "--ensemble", fewer]) == 2
    assert "its words are not those" in capsys.readouterr().err


def test_groups_of_beams_on_the_command_line(tmp_path, capsys):
    folder = prepare_folder(tmp_path)
    assert train.main(flags(folder, train_only=True)) == 0
    run = ["--model", str(folder / "run"), "--metrics", "CIDEr"]
    groups = ["--beam_size", "4", "--group_size", "2"]
    assert evaluate.main([*run, *groups]) == 0
    capsys.readouterr()
    assert evaluate.main([*run, "--beam_size", "5", "--group_size", "2"]) == 2
    assert "does not divide" in capsys.readouterr().err

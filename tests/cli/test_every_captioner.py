"""Every captioner is trained, continued and evaluated by the same commands."""

import json
import shutil

import keras
import pytest

from helpers.tiny_data import flags, prepare_folder, write_features
from helpers.tiny_runs import CHANNELS, WORDS, make_run
from helpers.training_runs import assert_same_state
from imcap.cli import evaluate, train
from imcap.models.registry import CAPTIONERS
from imcap.training.callbacks import Interruptible

# What the tiny sizes of `tiny_data.flags` do not cover.
SMALL = {
    "emb_dim": 12,
    "heads": 2,
    "num_layers": 1,
    "ff_size": 13,
    "num_grids": 9,
    "dr_ratio": 0.2,
    "max_length": 2,  # every word of a recurrence is compiled on its own
}


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
def test_continued_is_uninterrupted(name, tmp_path, monkeypatch):
    folder = prepare_for(name, tmp_path)
    options = {**SMALL, "caption_model": name, "train_only": True}
    plain = Interruptible.on_epoch_end

    def copied(self, epoch, logs=None):
        plain(self, epoch, logs)
        if epoch == 0:
            shutil.copytree(folder / "run", folder / "other")

    with monkeypatch.context() as patched:
        patched.setattr(Interruptible, "on_epoch_end", copied)
        assert train.main(flags(folder, **options)) == 0
    assert train.main(["--start_from", str(folder / "other")]) == 0
    assert_same_state(
        folder / "run" / "state.npz", folder / "other" / "state.npz"
    )
    run = ["--model", str(folder / "run"), "--metrics", "CIDEr"]
    assert evaluate.main(run) == 0
    results = folder / "run" / "evaluation" / "test_beam5" / "results.json"
    assert len(json.loads(results.read_text())) == 2


def test_runs_decode_together(tmp_path, capsys):
    folder = prepare_folder(tmp_path)
    data = {
        "features": str(folder / "features.h5"),
        "input_json": str(folder / "captions.json"),
    }

    def random_run(name, words=WORDS):
        grid = {"grid": [1, 7]}
        options = {**SMALL, **data, "caption_model": name}
        make_run(folder / name, grid, CHANNELS, words=words, **options)
        return str(folder / name)

    runs = [random_run(name) for name in ("relation_transformer", "up_down")]
    both = ["--model", runs[0], "--ensemble", runs[1], "--metrics", "CIDEr"]
    assert evaluate.main([*both, "--output", str(folder / "out")]) == 0
    assert len(json.loads((folder / "out" / "results.json").read_text())) == 2
    # The first run is asked where locations are, so it has to be the one
    # that needs them.
    turned = ["--model", runs[1], "--ensemble", runs[0]]
    capsys.readouterr()
    assert evaluate.main(turned) == 2
    assert "give it as --model" in capsys.readouterr().err
    fewer = random_run("att2in", words=WORDS[1:])
    assert evaluate.main(["--model", runs[0], "--ensemble", fewer]) == 2
    assert "its words are not those" in capsys.readouterr().err


def test_groups_of_beams_on_the_command_line(trained, capsys):
    run = ["--model", str(trained / "run"), "--metrics", "CIDEr"]
    groups = ["--beam_size", "4", "--group_size", "2"]
    assert evaluate.main([*run, *groups]) == 0
    capsys.readouterr()
    assert evaluate.main([*run, "--beam_size", "5", "--group_size", "2"]) == 2
    assert "does not divide" in capsys.readouterr().err

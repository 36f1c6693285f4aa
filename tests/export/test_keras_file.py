"""One .keras file: the run's model as it was, vocabulary included."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from helpers.exporting import encoded, feature_run, picture_run
from helpers.places import ROOT
from helpers.tiny_runs import CHANNELS, make_match_run, make_run
from imcap.captioning.captioner import LoadedCaptioner
from imcap.captioning.generation import Generator, generate
from imcap.captioning.run import CaptionerRun
from imcap.cli import export
from imcap.data.words.archived import read_vocabulary
from imcap.matching.run import MatchRun

pytestmark = pytest.mark.slow

KINDS = {
    "adaptive": (picture_run, {"sgate": True}),
    "show_attend_tell": (feature_run, {}),
    "relation_transformer": (feature_run, {}),
}


def exported(run, path):
    """The run's model, read back from the file that the command wrote."""
    words = ["--model", str(run.path), "--format", "keras", str(path)]
    assert export.main(words) == 0
    return keras.saving.load_model(path)


@pytest.mark.parametrize("name", KINDS)
def test_same_captions_from_pictures(name, tmp_path):
    keras.utils.set_random_seed(0)
    make, options = KINDS[name]
    run = make(tmp_path / "run", name, **options)
    task = exported(run, tmp_path / "model.keras")
    words = read_vocabulary(tmp_path / "model.keras")
    assert words == run.vocabulary
    ours = LoadedCaptioner(run.path)
    files = [encoded("PNG", seed) for seed in range(3)]
    images = np.stack([ours.reader.pixels(file) for file in files])
    inputs = {"images": images, **ours.reader.position_inputs(len(images))}
    tokens = np.array([[[words.bos_id, 1, 2, 3]]] * 3, "int32")
    expected = ours.task.predict_on_batch(
        ours.reader.inputs(list(images)) | {"tokens": tokens}
    )
    logits = task.predict_on_batch(inputs | {"tokens": tokens})
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    generator = Generator(task, run.ids, 6, "beam", 3, banned=(words.unk_id,))
    found = [
        " ".join(captions[0].words)
        for captions in generate(generator, words, [inputs])
    ]
    assert found == ours.caption(files, max_length=6, beam_size=3)


def test_features_of_unknown_origin(tmp_path):
    run = make_run(tmp_path / "run", {}, CHANNELS)
    task = exported(run, tmp_path / "model.keras")
    inputs = {
        "features": np.ones((2, 5, CHANNELS), "float32"),
        "tokens": np.ones((2, 1, 3), "int32"),
    }
    expected = CaptionerRun.open(run.path).task().predict_on_batch(inputs)
    np.testing.assert_allclose(task.predict_on_batch(inputs), expected)


def test_matching(tmp_path):
    run = make_match_run(tmp_path)
    scan = exported(run, tmp_path / "model.keras")
    inputs = {
        "features": np.ones((2, 5, run.channels), "float32"),
        "tokens": np.array([[1, 4, 5, 2], [1, 6, 2, 0]], "int32"),
    }
    expected = MatchRun.open(run.path).task()(inputs)
    np.testing.assert_allclose(scan(inputs), expected, atol=1e-5)


def test_one_import_registers_all(tmp_path):
    """What docs say: `imcap.export.keras_file`, then Keras' own load_model."""
    run = picture_run(tmp_path / "run")
    exported(run, tmp_path / "model.keras")
    code = (
        "import keras, imcap.export.keras_file\n"
        "task = keras.saving.load_model('model.keras')\n"
        "print(type(task).__name__, type(task.encoder).__name__)"
    )
    root = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["CaptioningTask", "SmallCNN"]


def test_whole_or_not_at_all(tmp_path, monkeypatch, capsys):
    run = make_run(tmp_path / "run", {}, CHANNELS)
    before = {*tmp_path.iterdir()}

    def full_disk(*arguments, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(keras.Model, "save", full_disk)
    words = ["--model", str(run.path), "--format", "keras"]
    assert export.main([*words, str(tmp_path / "model.keras")]) == 2
    assert "no space left" in capsys.readouterr().err
    assert {*tmp_path.iterdir()} == before

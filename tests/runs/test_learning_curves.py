"""Every training leaves a picture of how it went."""

import json

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_data import flags, prepare_folder
from helpers.training_runs import StopAfter
from imcap.cli import train
from imcap.drawing import curves as plots
from imcap.runs import learning_curves
from imcap.runs.learning_curves import CURVES, LearningCurves


def panels(path):
    """How many panels are drawn: each is 5.2 inches wide."""
    with Image.open(path) as image:
        assert np.asarray(image).std() > 10
        return round(image.width / (5.2 * 110))


@pytest.fixture
def entries(tmp_path):
    """A function that writes so many epochs of a run in `tmp_path`."""

    def write(count):
        lines = [
            json.dumps({"epoch": n + 1, "loss": 3.0 - n}) for n in range(count)
        ]
        (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")

    return write


def test_drawn_seldom(tmp_path, entries, monkeypatch):
    entries(1)
    curves = LearningCurves(tmp_path)
    monkeypatch.setattr(learning_curves, "EVERY", 1e9)
    curves.on_epoch_end(0)
    assert not (tmp_path / CURVES).exists()
    monkeypatch.setattr(learning_curves, "EVERY", 0.0)
    curves.on_epoch_end(1)
    first = (tmp_path / CURVES).read_bytes()
    entries(3)
    curves.draw()
    assert (tmp_path / CURVES).read_bytes() != first


def test_nothing_to_draw(tmp_path, capsys):
    LearningCurves(tmp_path).draw()
    assert not list(tmp_path.iterdir()) and not capsys.readouterr().err
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1')
    LearningCurves(tmp_path).draw()
    assert not (tmp_path / CURVES).exists()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "no learning curves" in lines[0]


def test_captioner(trained):
    # Loss, CIDEr, and the other measures of validation.
    assert panels(trained / "run" / CURVES) == 3


def test_interrupted_training(tmp_path, monkeypatch):
    prepare_folder(tmp_path)
    drawn = []
    plain = plots.draw_learning_curves

    def draw(source, path):
        drawn.append(len(plots.read_metrics(source)))
        plain(source, path)

    monkeypatch.setattr(plots, "draw_learning_curves", draw)
    with monkeypatch.context() as patched:
        StopAfter(patched, step=6)  # in the middle of the second epoch
        assert train.main(flags(tmp_path, max_epochs=3)) == 130
    assert drawn == [1] and (tmp_path / "run" / CURVES).exists()
    assert train.main(["--start_from", str(tmp_path / "run")]) == 0
    assert drawn[-1] == 3


def test_matching(matching_run):
    # Loss, rsum, and the recalls.
    assert panels(matching_run / CURVES) == 3

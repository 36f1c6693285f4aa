"""Where commands write is found out before they work."""

import errno
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from helpers.refusing import only_error
from helpers.tiny_runs import CHANNELS, SIZE, make_run
from imcap.captioning.run import CaptionerRun
from imcap.cli import calibrate, caption, compare, evaluate, export, report
from imcap.cli.outputs import check_files
from imcap.errors import InputError
from imcap.runs.pretrained import OUTPUTS
from imcap.vision.networks import small_cnn_metadata


@pytest.fixture
def protect(monkeypatch):
    """Makes folders read-only, as a disk may be, even for root."""
    create, protected = tempfile.TemporaryFile, []

    def refuse(*args, dir, **options):
        for folder in protected:
            if folder in (Path(dir).resolve(), *Path(dir).resolve().parents):
                raise OSError(errno.EROFS, "Read-only file system")
        return create(*args, dir=dir, **options)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    return lambda *folders: protected.extend(map(Path, folders))


def contents(folder):
    return sorted(path for path in folder.rglob("*"))


@pytest.fixture
def run(trained, tmp_path, monkeypatch, protect):
    """A trained run that cannot be written, and is not."""
    monkeypatch.chdir(tmp_path)
    protect(trained / "run")
    before = contents(trained / "run")
    yield trained / "run"
    assert contents(trained / "run") == before


def of_split(*words):
    return [*map(str, words), "--split", "val", "--metrics", "CIDEr"]


def test_evaluations_go_elsewhere_and_are_found_there(run, capsys):
    words = of_split("--model", run, "--beam_size", 1)
    assert evaluate.main(words) == 0
    note = f"note: {run} cannot be written; what is made goes to {OUTPUTS}"
    assert note in capsys.readouterr().err
    folder = OUTPUTS / "run" / "evaluation" / "val_greedy"
    assert (folder / "metrics.json").exists()
    assert compare.main(of_split(run, run, "--beam_size", 1)) == 0
    assert list((OUTPUTS / "run" / "comparisons").glob("*.html"))


def test_output_is_taken_as_given(run, tmp_path, capsys):
    words = of_split("--model", run, "--beam_size", 1, "--output", "mine")
    assert evaluate.main(words) == 0
    assert "cannot be written" not in capsys.readouterr().err
    assert (tmp_path / "mine" / "metrics.json").exists()
    assert not OUTPUTS.exists()


def test_nothing_is_computed_that_cannot_be_written(
    run, tmp_path, monkeypatch, protect, capsys
):
    protect(tmp_path)
    monkeypatch.setattr(CaptionerRun, "task", None)  # the slow part
    words = of_split("--model", run)
    line = only_error(evaluate.main, capsys, *words)
    assert str(run) in line and "--output" in line
    line = only_error(evaluate.main, capsys, *words, "--output", "mine")
    assert "mine: cannot be written" in line
    line = only_error(report.main, capsys, "--model", run, "--split", "val")
    assert "--output" in line
    line = only_error(export.main, capsys, "--model", run, "out")
    assert "out: cannot be written" in line
    line = only_error(calibrate.main, capsys, "--model", run)
    assert str(run) in line and "copy the run" in line


def test_captions_are_drawn_elsewhere(tmp_path, monkeypatch, protect, capsys):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    path, metadata = tmp_path / "mine", small_cnn_metadata(SIZE, CHANNELS)
    make_run(path, metadata, CHANNELS, cnntrain=True)
    noise = np.random.default_rng(1).integers(0, 256, (40, 50, 3), "uint8")
    Image.fromarray(noise).save("beach.png")
    protect(path)
    before = contents(path)
    words = ["--model", "mine", "--max_length", "3", "beach.png"]
    assert caption.main(words) == 0
    told = capsys.readouterr()
    drawn = OUTPUTS / "mine" / "attention"
    assert f"goes to {OUTPUTS / 'mine'}" in told.err
    assert f"where each word looked: {drawn}" in told.out
    assert (drawn / "beach.png").exists()
    assert contents(path) == before
    protect(tmp_path)
    monkeypatch.setattr(CaptionerRun, "task", None)
    line = only_error(caption.main, capsys, *words)
    assert "--output" in line
    words += ["--no_draw", "--json", "a.json"]
    assert "a.json: cannot be" in only_error(caption.main, capsys, *words)


def test_files_to_write_are_no_other_files(tmp_path):
    there = tmp_path / "there.json"
    there.write_text("[]")
    folder = tmp_path / "folder"
    folder.mkdir()
    for given, inputs, said in (
        ([there], [there], r"there\.json: it is read"),
        ([there, tmp_path / "x/../there.json"], [], "named twice"),
        ([None, folder], [], "folder: a folder; name a file"),
    ):
        with pytest.raises(InputError, match=said):
            check_files(*given, inputs=inputs)
    check_files(there, None, tmp_path / "new/other.json", inputs=[None])
    assert not (tmp_path / "new").exists()

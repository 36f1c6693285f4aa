"""Runs find their data again: from other folders, and after a move."""

import json
import os
import platform
import shutil

import numpy as np
import pytest

import imcap
from imcap.captioning.run import CaptionerRun
from imcap.captioning.train_settings import TrainConfig
from imcap.cli import evaluate
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.runs.environment import ENVIRONMENT, find_again
from imcap.training.checkpoints import save_weights
from imcap.training.variable_paths import weight_paths


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with data and a run, named by paths from that folder."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    for name in ("captions.json", "features.h5", "grams-idxs.p"):
        (folder / "data" / name).touch()
    monkeypatch.chdir(folder)
    config = TrainConfig(
        input_json="data/captions.json",
        features="data/features.h5",
        cached_tokens="data/grams",
        checkpoint_path="runs/mine",
        start_from="pretrained",
    )
    words = Vocabulary.build([["a"]], threshold=0)
    CaptionerRun("runs/mine", config, words, {}, 3).begin()
    monkeypatch.chdir(tmp_path)
    return folder


def where(run):
    found = run.config
    return found.input_json, found.features, found.cached_tokens


def wanted(folder):
    names = ("captions.json", "features.h5", "grams")
    return tuple(str(folder / "data" / name) for name in names)


def test_from_another_folder(project):
    run = CaptionerRun.open("project/runs/mine")
    assert where(run) == wanted(project)
    assert run.config.checkpoint_path == str(project / "runs" / "mine")
    assert run.config.start_from == "pretrained"
    assert run.config.references is None


def test_after_a_move_of_everything(project, tmp_path):
    moved = project.rename(tmp_path / "elsewhere")
    assert where(CaptionerRun.open("elsewhere/runs/mine")) == wanted(moved)


def test_a_copy_of_everything_reads_its_own(project, tmp_path):
    copied = shutil.copytree(project, tmp_path / "copy")
    assert where(CaptionerRun.open(copied / "runs" / "mine")) == wanted(copied)


def test_after_a_move_of_the_run_alone(project, tmp_path):
    shutil.move(project / "runs" / "mine", tmp_path / "mine")
    assert where(CaptionerRun.open("mine")) == wanted(project)


def test_data_that_is_gone_is_named_as_it_was(project):
    os.unlink(project / "data" / "captions.json")
    run = CaptionerRun.open("project/runs/mine")
    assert run.config.input_json == wanted(project)[0]


def test_runs_of_earlier_versions_know_paths_as_given(project):
    (project / "runs" / "mine" / ENVIRONMENT).unlink()
    config = TrainConfig(input_json="data/captions.json")
    assert find_again(config, project / "runs" / "mine") == config


def test_a_damaged_file_is_named(project):
    path = project / "runs" / "mine" / ENVIRONMENT
    path.write_text('{"run": 1}')
    with pytest.raises(InputError, match=f"{ENVIRONMENT}: not written by"):
        CaptionerRun.open(project / "runs" / "mine")


def test_a_training_says_what_it_was_made_with(trained):
    (entry,) = json.loads((trained / "run" / ENVIRONMENT).read_text("utf-8"))
    assert entry["imcap"] == imcap.__version__
    assert entry["python"] == platform.python_version()
    assert entry["numpy"] == np.__version__
    assert {"keras", "tensorflow", "platform", "directory"} <= set(entry)
    assert entry["command"].startswith("imcap train --")


def test_a_trained_run_that_moved_with_its_data(
    trained, tmp_path, monkeypatch, capsys
):
    folder = shutil.copytree(trained, tmp_path / "moved" / "project")
    for left in trained.iterdir():
        if left.name != "moved":
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    monkeypatch.chdir(tmp_path / "moved")
    words = ["--model", "project/run", "--split", "val", "--metrics", "CIDEr"]
    assert evaluate.main([*words, "--beam_size", "1"]) == 0
    assert list((folder / "run" / "evaluation").iterdir())


def test_the_best_weights_are_weights_alone(trained, tmp_path):
    run = CaptionerRun.open(trained / "run")
    task = run.task()
    size = sum(
        np.prod(weight.shape) * 4 for weight in weight_paths(task).values()
    )
    room = 3000 * (1 + len(weight_paths(task)))  # of HDF5 itself
    assert size < run.best.stat().st_size < size + room
    assert run.state.stat().st_size > 2 * size  # there the optimizer is
    save_weights(tmp_path / "again.h5", task)
    assert (tmp_path / "again.h5").stat().st_size < size + room

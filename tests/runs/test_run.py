"""Run directories: what is begun anew, and what is damaged."""

import json

import pytest

from imcap.captioning.run import CaptionerRun
from imcap.captioning.train_settings import TrainConfig
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.runs.run import ENCODER_WEIGHTS


@pytest.fixture
def run(tmp_path):
    """A run that has begun, with the weights of a picture network."""
    weights = tmp_path / "network.weights.h5"
    weights.write_bytes(b"of a network")
    words = Vocabulary.build([["a", "dog"]], threshold=0)
    path = tmp_path / "run"
    run = CaptionerRun(path, TrainConfig(), words, {"name": "none"}, 11)
    run.begin(weights)
    return run


def test_beginning_anew_leaves_no_weights_of_another_network(run):
    weights = run.path / ENCODER_WEIGHTS
    assert weights.read_bytes() == b"of a network"
    run.begin(run.path / "gone.weights.h5")
    assert not weights.exists()


def test_beginning_anew_keeps_the_weights_that_it_is_given(run):
    weights = run.path / ENCODER_WEIGHTS
    run.begin(weights)
    assert weights.read_bytes() == b"of a network"


@pytest.mark.parametrize("name", ["channels", "encoder"])
def test_a_damaged_feature_file_is_one_line(run, name):
    path = run.path / "features.json"
    good = json.loads(path.read_text())
    assert CaptionerRun.open(run.path).channels == 11
    for bad in ([], {**good, name: None}, {**good, name: []}):
        path.write_text(json.dumps(bad))
        with pytest.raises(InputError, match=r"features\.json") as refusal:
            CaptionerRun.open(run.path)
        assert len(str(refusal.value).splitlines()) == 1

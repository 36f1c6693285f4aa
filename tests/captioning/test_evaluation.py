"""Evaluation: which references captions are compared with."""

import dataclasses

import pytest

from imcap.captioning import evaluation
from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.evaluation import (
    Evaluation,
    SplitSettings,
    references_file,
)
from imcap.captioning.run import CaptionerRun
from imcap.captioning.train_settings import TrainConfig
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError


@pytest.fixture
def run(tmp_path):
    """A run that was validated on full captions."""
    config = TrainConfig(input_json="cut.json", references="full.json")
    words = Vocabulary.build([["a", "dog"]], threshold=0)
    return CaptionerRun(tmp_path, config, words, {}, 11)


@pytest.mark.parametrize(
    "given, wanted",
    [
        ({}, "full.json"),
        ({"input_json": "./cut.json"}, "full.json"),
        ({"input_json": "other.json"}, None),
        ({"input_json": "other.json", "references": "mine.json"}, "mine.json"),
    ],
)
def test_the_trainings_references_are_of_its_captions_alone(run, given, wanted):
    assert references_file(run, SplitSettings(**given)) == wanted


def test_references_of_other_pictures_are_refused_before_captioning(
    trained, monkeypatch
):
    calls = []
    monkeypatch.setattr(
        evaluation, "caption_split", lambda *given: calls.append(given)
    )
    other = trained / "other.json"
    other.write_text('{"images": [], "annotations": []}')
    asked = Evaluation(SplitSettings(references=str(other)), DecodingSettings())
    with pytest.raises(InputError, match=r"other\.json"):
        evaluation.evaluate(CaptionerRun.open(trained / "run"), asked)
    assert not calls


def test_features_that_nobody_named_are_asked_for(trained):
    run = CaptionerRun.open(trained / "run")
    run.config = dataclasses.replace(run.config, features=None)
    with pytest.raises(InputError, match="give --features"):
        evaluation.open_split(run, SplitSettings())

"""Evaluation: which references captions are compared with."""

import dataclasses
import json

import pytest

from helpers.tiny_data import flags, prepare_folder
from imcap.captioning import evaluation, split_data
from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.evaluation import Evaluation
from imcap.captioning.run import CaptionerRun
from imcap.captioning.split_data import SplitSettings, references_file
from imcap.captioning.train_settings import TrainConfig
from imcap.cli import evaluate, train
from imcap.data.captions.assembly import hash_splits
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
        split_data.open_split(run, SplitSettings())


def without_splits(folder, images=24):
    """A table of the tiny pictures that says nothing of splits."""
    rows = [f"{n + 100},{n}.jpg,a dog runs on grass" for n in range(images)]
    path = folder / "table.csv"
    path.write_text("\n".join(["id,image,caption", *rows]) + "\n")
    return path


def test_what_the_training_read_and_is_not_here_is_asked_for(run, tmp_path):
    with pytest.raises(
        InputError, match=r"cut\.json, input_json of its .*give --input_json"
    ):
        split_data.check_sources(run, SplitSettings())
    here = tmp_path / "here.json"
    here.write_text("[]")
    run.config = dataclasses.replace(run.config, features="gone.h5")
    given = SplitSettings(input_json=str(here))
    with pytest.raises(InputError, match=r"gone\.h5, features of its"):
        split_data.check_sources(run, given)
    given = dataclasses.replace(given, features="mine.h5")
    split_data.check_sources(run, given)


def test_another_file_without_splits_is_scored_whole(trained, capsys):
    run, path = trained / "run", without_splits(trained)
    words = ["--model", str(run), "--input_json", str(path)]
    assert evaluate.main([*words, "--metrics", "Bleu"]) == 0
    assert "no splits: all 24 pictures" in capsys.readouterr().out
    folder = run / "evaluation" / "test_beam5"
    assert len(json.loads((folder / "results.json").read_text())) == 24


def test_drawn_splits_of_the_trainings_file_stand(tmp_path, capsys):
    """What was trained on is not scored, and how many are left is said."""
    folder = prepare_folder(tmp_path)
    path = without_splits(folder)
    words = flags(folder, max_epochs=1, input_json=path)
    assert train.main(words) == 0
    printed = capsys.readouterr().out
    drawn = hash_splits(range(100, 124))
    counts = [drawn.count(name) for name in ("train", "val", "test")]
    assert min(counts) > 0
    wanted = "no splits; drawn by id: {} for train, {} for val, {} for test"
    assert wanted.format(*counts) in printed
    same = folder / "." / "table.csv"
    words = ["--model", str(folder / "run"), "--input_json", str(same)]
    assert evaluate.main([*words, "--metrics", "Bleu"]) == 0
    wanted = f"{counts[2]} of 24 pictures were drawn for test"
    assert wanted in capsys.readouterr().out
    results = folder / "run" / "evaluation" / "test_beam5" / "results.json"
    assert len(json.loads(results.read_text())) == counts[2]


def test_a_file_is_another_one_with_other_columns(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("image,en,de\na.jpg,a dog,ein Hund\n")
    english, german = (
        evaluation.identify_file(f"{path}::caption={name}")
        for name in ("en", "de")
    )
    assert english != german
    (tmp_path / "a.txt").write_text("a dog")
    before = evaluation.identify_file(str(tmp_path))
    (tmp_path / "a.txt").write_text("two dogs")
    assert evaluation.identify_file(str(tmp_path)) != before
    assert evaluation.identify_file(str(tmp_path / "none")) is None

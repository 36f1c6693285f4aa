"""The COCO metrics against numbers made by pycocoevalcap with Java."""

import gc
import json
import shutil
import stat

import pytest

from helpers.places import SHARED
from imcap.metrics import coco
from imcap.metrics.coco import bleu4, score_captions

SHARED = SHARED / "data"
PREDICTIONS = SHARED / "predictions"
needs_java = pytest.mark.skipif(
    shutil.which("java") is None, reason="no java on this machine's PATH"
)
needs_predictions = pytest.mark.skipif(
    not PREDICTIONS.is_dir(), reason="../shared/data/predictions is absent"
)
WITHOUT_JAVA = ("Bleu", "ROUGE_L", "CIDEr")
CANDIDATES = {"x": "A dog runs on grass.", 7: "two men"}
REFERENCES = {
    7: ["A cat sleeps.", "The cat is sleeping"],
    "x": ["A dog runs on the grass.", "the dog can't stop"],
}


def read(name):
    return json.loads((PREDICTIONS / name).read_text("utf-8"))


def captions_of(name):
    rows = read(name)
    candidates = {r["image_name"]: r["prediction"] for r in rows}
    references = {r["image_name"]: r["captions"] for r in rows}
    return candidates, references


@needs_predictions
@pytest.mark.parametrize(
    "name", ["flickr30k_magic.json", "flickr30k_zerocap.json"]
)
def test_published_scores(name):
    scores = score_captions(*captions_of(name), WITHOUT_JAVA)
    expected = read("metrics.json")["scores"][name]
    assert set(scores.overall) == {
        "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr",
    }  # fmt: skip
    for metric, value in scores.overall.items():
        assert value == pytest.approx(expected[metric], abs=1e-6)
    assert scores.notes == ()


@needs_predictions
def test_published_scores_of_each_image():
    candidates, references = captions_of("flickr30k_magic.json")
    scores = score_captions(candidates, references, WITHOUT_JAVA)
    for row in read("flickr30k_magic_per_image.json"):
        found = scores.per_image[row["image_name"]]
        assert len(found) == 6
        for metric, value in found.items():
            assert value == pytest.approx(row["scores"][metric], abs=1e-6)


@needs_java
@needs_predictions
def test_published_meteor():
    name = "flickr30k_magic.json"
    scores = score_captions(*captions_of(name), ("METEOR",))
    expected = read("metrics.json")["scores"][name]["METEOR"]
    assert scores.overall["METEOR"] == pytest.approx(expected, abs=1e-4)
    for row in read("flickr30k_magic_per_image.json"):
        found = scores.per_image[row["image_name"]]["METEOR"]
        assert found == pytest.approx(row["scores"]["METEOR"], abs=1e-4)
    gc.collect()  # a pipe left open would warn here, and warnings are errors


def test_captions_are_tokenized_and_ids_kept_apart():
    scores = score_captions(CANDIDATES, REFERENCES, WITHOUT_JAVA)
    assert list(scores.per_image) == ["x", 7]
    assert scores.per_image["x"]["Bleu_2"] > 0.6
    assert scores.per_image[7]["Bleu_1"] < 1e-6


def test_tokenized_captions_are_not_split_again():
    scores = score_captions(
        {1: "can't  stop\n"}, {1: ["can't stop"]}, ("Bleu",), tokenized=True
    )
    assert scores.overall["Bleu_1"] == pytest.approx(1)
    assert scores.overall["Bleu_2"] == pytest.approx(1)
    assert scores.overall["Bleu_3"] < 0.01


def test_nothing_is_printed(capfd):
    score_captions(CANDIDATES, REFERENCES, WITHOUT_JAVA)
    assert capfd.readouterr() == ("", "")


def test_few_images_and_empty_captions_are_noted():
    scores = score_captions({1: " ."}, {1: ["a dog"]}, WITHOUT_JAVA)
    empty, few = scores.notes
    assert empty == "1 of 1 captions are empty and score nothing"
    assert few.startswith("corpus CIDEr is not meaningful for 1 images")
    assert set(scores.overall.values()) == {0.0}


def test_without_java(monkeypatch):
    monkeypatch.setenv("PATH", "")
    scores = score_captions(CANDIDATES, REFERENCES)
    assert "METEOR" not in scores.overall
    assert "SPICE" not in scores.per_image["x"]
    assert "CIDEr" in scores.overall
    assert scores.notes[-1:] == (
        "METEOR and SPICE left out: there is no java on the PATH",
    )


@pytest.fixture
def broken_java(tmp_path, monkeypatch):
    program = tmp_path / "java"
    program.write_text("#!/bin/sh\necho 'no memory' >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")


def test_java_that_fails(broken_java):
    scores = score_captions(CANDIDATES, REFERENCES, ("METEOR",))
    assert scores.overall == {}
    assert scores.notes == ("METEOR left out: java failed (no memory)",)
    gc.collect()


def test_spice_without_its_models(broken_java, monkeypatch, capfd):
    monkeypatch.setattr(coco, "SPICE_JARS", ("absent.jar",))
    scores = score_captions(CANDIDATES, REFERENCES, ("SPICE",))
    (note,) = scores.notes
    assert note.startswith("SPICE left out: pycocoevalcap lacks absent.jar")
    assert "\n" not in note
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "candidates, references, said",
    [
        ({1: "a", 2: "b", 3: "c"}, {1: ["a"]}, "image 2 has a caption but no"),
        ({1: "a"}, {1: ["a"], "z": ["b"]}, "image 'z' has references but no"),
        ({}, {}, "there are no captions"),
        ({1: "a"}, {1: []}, "image 1 needs a list of at least one reference"),
        ({1: "a"}, {1: "a dog"}, "image 1 needs a list"),
        ({1: "a"}, {1: ["."]}, "the references hold no words"),
    ],
)
def test_what_cannot_be_scored(candidates, references, said):
    with pytest.raises(ValueError, match=said) as caught:
        score_captions(candidates, references, WITHOUT_JAVA)
    assert "\n" not in str(caught.value)


def test_unknown_metric():
    with pytest.raises(ValueError, match="unknown metric 'BLEU'"):
        score_captions(CANDIDATES, REFERENCES, ("BLEU",))


def test_bleu4_of_words():
    words = ["a", "small", "dog", "runs", "on", "the", "grass"]
    assert bleu4({1: words}, {1: [words, ["a"]]}) == pytest.approx(1)
    assert bleu4({1: words[:4]}, {1: [words]}) == pytest.approx(
        2.718281828 ** (1 - 7 / 4)
    )

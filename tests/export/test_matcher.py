"""A SavedModel that scores pictures against sentences without imcap."""

import dataclasses
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.exporting import ask, write_pictures
from helpers.tiny_runs import make_match_run
from imcap.cli import export
from imcap.export.matcher import LOWEST
from imcap.matching.matcher import LoadedMatcher
from imcap.matching.run import MatchRun

pytestmark = pytest.mark.slow

SENTENCES = ["A dog's dog runs, on. The", "Green grass?", "zebra", "the dog"]
KINDS = {
    "words": {"bi_gru": True},
    "treebank": {"cross_attn": "i2t"},
    "head": {"global_head": 6, "global_weight": 3.0},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Runs and their SavedModels, by kind."""
    found = {}
    for kind, options in KINDS.items():
        keras.utils.set_random_seed(0)
        folder = tmp_path_factory.mktemp(kind)
        run = make_match_run(folder, **options)
        if kind == "treebank":  # as of a folder of SCAN's
            run.config = dataclasses.replace(run.config, input_json=None)
            run.write_config()
        words = ["--model", str(run.path), str(folder / "out")]
        assert export.main(words) == 0
        found[kind] = run.path, folder / "out"
    return found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three whole pictures, and a broken one."""
    good, bad = write_pictures(tmp_path_factory.mktemp("pictures"))
    return good[:3], bad[0]


@pytest.fixture(scope="module")
def answers(exported, pictures, tmp_path_factory):
    """What each SavedModel answers without imcap, by kind and question."""
    good, broken = pictures
    files = [good[0], broken, *good[1:]]
    asked = {
        "scores": ("serving_default", files, SENTENCES),
        "pairs": ("pairs", [*good, broken], SENTENCES),
        "no picture": ("serving_default", [], SENTENCES[:1]),
        "no sentence": ("serving_default", files[:1], []),
        "one of each": ("serving_default", files[:1], SENTENCES[:1]),
        "split": ("pairs", good[:1], SENTENCES[:1]),
    }
    questions = [
        (out, signature, {"image_bytes": images, "sentences": sentences})
        for _, out in exported.values()
        for signature, images, sentences in asked.values()
    ]
    found = ask(tmp_path_factory.mktemp("asked"), questions)
    count = len(asked)
    return {
        kind: dict(zip(asked, found[n * count : (n + 1) * count], strict=True))
        for n, kind in enumerate(exported)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_same_scores_without_imcap(kind, exported, pictures, answers):
    good, _ = pictures
    answers, model = answers[kind], LoadedMatcher(exported[kind][0])
    found, fine = answers["scores"], np.array([True, False, True, True])
    ours = model.score(good, SENTENCES)
    assert ours.std() > 1e-3
    np.testing.assert_allclose(found["scores"][fine], ours, atol=1e-5)
    assert (found["scores"][1] == np.float32(LOWEST)).all()
    assert found["error"][1].startswith("damaged")
    assert not any(found["error"][fine])
    assert answers["no picture"]["scores"].shape == (0, 1)
    assert answers["no sentence"]["scores"].shape == (1, 0)
    single = answers["one of each"]["scores"]
    np.testing.assert_allclose(single, ours[:1, :1], atol=1e-5)
    check_pairs(answers["pairs"], model.attention(good, SENTENCES[:3]))


def check_pairs(found, ours):
    """Words and weights of pairs, the last of them a broken picture."""
    assert not any(found["words"][3]) and not found["attention"][3].any()
    for row, (words, weights) in enumerate(ours):
        count = len(words)
        assert found["words"][row][:count].tolist() == words
        assert not any(found["words"][row][count:])
        theirs = found["attention"][row]
        np.testing.assert_allclose(theirs[:count], weights, atol=1e-5)
        assert not theirs[count:].any()


def test_sentences_are_split_as_the_run_was(answers):
    plain, treebank = (answers[kind]["split"] for kind in ("words", "treebank"))
    assert " ".join(plain["words"][0]) == "a dogs dog runs on the"
    assert " ".join(treebank["words"][0]) == "a dog 's dog runs , on . the"


def test_pairs_come_in_twos(exported, pictures):
    good, _ = pictures
    pairs = tf.saved_model.load(str(exported["words"][1])).signatures["pairs"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="one sentence"):
        pairs(
            image_bytes=tf.constant([good[0].read_bytes()]),
            sentences=tf.constant(SENTENCES[:2]),
        )


def test_signature_of_features(exported):
    path, out = exported["words"]
    model = LoadedMatcher(path)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
    features, _ = model.encoder(pixels.astype("float32"))
    loaded = tf.saved_model.load(str(out)).signatures["features"]
    found = loaded(features=features, sentences=tf.constant(SENTENCES))
    ours = model.score(list(pixels.astype("float32")), SENTENCES)
    assert found["scores"].shape == (2, 4)
    np.testing.assert_allclose(found["scores"], ours, atol=0.01)


def test_without_tensorflow_text_it_says_so_before_any_work(
    tmp_path, monkeypatch, capsys
):
    run = make_match_run(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    monkeypatch.setattr(MatchRun, "task", None)  # nothing is built
    out = tmp_path / "out"
    assert export.main(["--model", str(run.path), str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "tensorflow-text" in said and "Linux" in said
    assert not out.exists()

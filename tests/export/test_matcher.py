"""A SavedModel that scores pictures against sentences without imcap."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.exporting import ask, write_pictures
from helpers.tiny_runs import make_match_run
from imcap.cli import export
from imcap.export.matcher import LOWEST
from imcap.matching.matcher import LoadedMatcher

pytestmark = pytest.mark.slow

SENTENCES = ["A dog's dog runs, on. The", "Green grass?", "zebra", "the dog"]
KINDS = {"words": {"bi_gru": True}, "treebank": {"cross_attn": "i2t"}}


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


@pytest.mark.parametrize("kind", KINDS)
def test_same_scores_without_imcap(kind, exported, tmp_path):
    path, out = exported[kind]
    good, bad = write_pictures(tmp_path)
    good, files = good[:3], [good[0], bad[0], *good[1:3]]
    asked = {"image_bytes": files, "sentences": SENTENCES}
    pairs = asked | {"image_bytes": [*good, bad[0]]}
    questions = [(out, "serving_default", asked), (out, "pairs", pairs)]
    for count in (0, 1):
        few = {"image_bytes": files[:count], "sentences": SENTENCES[:1]}
        none = {"image_bytes": files[:1], "sentences": SENTENCES[:count]}
        questions += [
            (out, "serving_default", few), (out, "serving_default", none)
        ]  # fmt: skip
    found, looked, *sizes = ask(tmp_path, questions)
    model = LoadedMatcher(path)
    fine = np.array([True, False, True, True])
    ours = model.score(good, SENTENCES)
    assert ours.std() > 1e-3
    np.testing.assert_allclose(found["scores"][fine], ours, atol=1e-5)
    assert (found["scores"][1] == np.float32(LOWEST)).all()
    assert found["error"][1].startswith("damaged")
    assert not any(found["error"][fine])
    shapes = [one["scores"].shape for one in sizes]
    assert shapes == [(0, 1), (1, 0), (1, 1), (1, 1)]
    np.testing.assert_allclose(sizes[2]["scores"], ours[:1, :1], atol=1e-5)
    check_pairs(looked, model.attention(good, SENTENCES[:3]))


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


def test_sentences_are_split_as_the_run_was(exported, tmp_path):
    good, _ = write_pictures(tmp_path)
    asked = {"image_bytes": good[:1], "sentences": SENTENCES[:1]}
    questions = [(exported[kind][1], "pairs", asked) for kind in KINDS]
    plain, treebank = ask(tmp_path, questions)
    assert " ".join(plain["words"][0]) == "a dogs dog runs on the"
    assert " ".join(treebank["words"][0]) == "a dog 's dog runs , on . the"


def test_pairs_come_in_twos(exported, tmp_path):
    good, _ = write_pictures(tmp_path)
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

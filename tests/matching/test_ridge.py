"""`imcap match train --matcher ridge`: solved, kept, used like a run."""

import json

import h5py
import numpy as np
import pytest

from helpers.exporting import ask, write_pictures
from helpers.matching_runs import evaluate, metrics, train
from helpers.tiny_pairs import write_split
from helpers.tiny_runs import SIZE, save_network
from imcap.cli import export, match
from imcap.data.words.picture_words import count_picture_words
from imcap.matching.data import PairSource
from imcap.matching.matcher import LoadedMatcher
from imcap.matching.ridge import fit
from imcap.matching.run import MatchRun


@pytest.fixture
def ridge(pairs):
    assert train(pairs, matcher="ridge", ridge_lambda=1e-3) == 0
    return pairs / "run"


def test_pairs_are_learnt_by_heart(pairs):
    """Each picture has a word of its own, and more features than pictures."""
    folder = pairs / "data" / "tiny_precomp"
    write_split(folder, "train", images=8, channels=20)
    lines = [f"thing{n // 5} is here" for n in range(40)]
    (folder / "train_caps.txt").write_text("\n".join(lines) + "\n")
    options = {"matcher": "ridge", "ridge_lambda": 1e-3, "train_only": True}
    assert train(pairs, **options) == 0
    assert evaluate(pairs / "run", "--split", "train") == 0
    found = metrics(pairs / "run", "train")
    assert found["image_to_text"]["R@1"] == 100
    assert found["text_to_image"]["R@1"] == 100


def test_validation_is_printed(pairs, capsys):
    assert train(pairs, matcher="ridge") == 0
    printed = capsys.readouterr().out
    assert "image to text" in printed and "rsum" in printed
    shown = float(printed.rpartition("rsum ")[2].split()[0])
    assert evaluate(pairs / "run", "--split", "dev") == 0
    assert metrics(pairs / "run", "dev")["rsum"] == pytest.approx(shown, 0.01)
    for which in ("best", "last"):  # there is one set of weights
        assert MatchRun.open(pairs / "run").task(which).weights


def test_the_line_is_that_of_the_normal_equations(ridge):
    """Against a solution of the whole system at once."""
    run = MatchRun.open(ridge)
    source = PairSource.of(run.config)
    pairs = source.open("train")
    said, share = count_picture_words(
        pairs.tokens, pairs.image_of, len(pairs), run.vocabulary
    )
    said, share = said[:], share[:]
    assert set(np.unique(said)) == {0.0, 1.0}
    assert share.max() <= 1.0 + 1e-6 and np.all(share <= said)
    model = run.build_task()
    fit(model, pairs, run.vocabulary, 2.0)
    features, _ = pairs.store.read(pairs.image_ids)
    inputs = features.astype("float64").mean(axis=1)
    inputs = (inputs - inputs.mean(axis=0)) / (inputs.std(axis=0) + 1e-6)
    inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
    idf = np.asarray(model.idf.embeddings)[:, 0]
    heard = said.sum(axis=0)
    expected = np.where(heard > 0, np.log(len(said) / (1 + heard)), 0)
    np.testing.assert_allclose(idf, expected, atol=1e-6)
    # Least squares with rows that hold the weights down.
    width = inputs.shape[1]
    system = np.vstack([inputs, np.sqrt(2.0) * np.eye(width)])
    target = np.vstack([(said + share) * idf, np.zeros((width, len(idf)))])
    line = np.linalg.lstsq(system, target, rcond=None)[0]
    found = np.asarray(model.embedding.embeddings).T
    np.testing.assert_allclose(found, line, atol=1e-5)
    gram = np.asarray(model.inner.kernel)
    np.testing.assert_allclose(gram, line @ line.T, atol=1e-4)


def test_an_ensemble_with_attention(ridge, pairs):
    assert train(pairs, checkpoint_path=pairs / "scan", num_epochs=1) == 0
    both = ["--ensemble", str(pairs / "scan"), "--split", "dev"]
    assert evaluate(ridge, *both) == 0
    assert metrics(ridge, "dev_with_scan")["rsum"] > 0


def test_a_lambda_below_zero(pairs, capsys):
    assert train(pairs, matcher="ridge", ridge_lambda=0) == 2
    assert "--ridge_lambda must be above 0" in capsys.readouterr().err


@pytest.fixture(scope="module")
def of_pictures(tmp_path_factory):
    """A run on features that a network made of pictures."""
    folder = tmp_path_factory.mktemp("ridge")
    pictures, _ = write_pictures(folder)
    weights = save_network(folder / "mobilenet.weights.h5")
    words = ["a dog runs", "green grass", "the dog", "a cat", "on grass"]
    images = [
        {"filename": path.name, "imgid": number, "split": "train"}
        | {"sentences": [{"tokens": words[number % 5].split()}]}
        for number, path in enumerate(pictures)
    ]
    captions = folder / "captions.json"
    captions.write_text(json.dumps({"images": images, "dataset": "tiny"}))
    from imcap.cli.extract import main as extract

    features = folder / "features.h5"
    assert extract(
        ["--input_json", str(captions), "--images_root", str(folder)]
        + ["--model", "mobilenet", "--weights", str(weights)]
        + ["--layer", "conv_pw_5_relu", "--image_size", str(SIZE)]
        + ["--output", str(features)]
    ) == 0  # fmt: skip
    run = folder / "run"
    assert match.main(
        ["train", "--matcher", "ridge", "--input_json", str(captions)]
        + ["--features", str(features), "--checkpoint_path", str(run)]
        + ["--word_count_threshold", "1", "--train_only", "True"]
        + ["--ridge_lambda", "1"]
    ) == 0  # fmt: skip
    with h5py.File(run / "best.weights.h5") as file:
        assert len(file) > 0
    return run, pictures


def test_pictures_are_scored_searched_and_exported(of_pictures, tmp_path):
    run, pictures = of_pictures
    model = LoadedMatcher(run)
    sentences = ["a dog runs", "green grass", "zebra"]
    scores = model.score(pictures[:3], sentences)
    assert scores.shape == (3, 3) and np.ptp(scores[:, :2]) > 1e-3
    assert not scores[:, 2].any()
    words, weights = model.attention(pictures[0], ["a dog runs"])
    assert words == ["a", "dog", "runs"] and weights.shape == (3, 16)
    assert weights.sum(axis=1).max() == pytest.approx(1.0, abs=1e-5)
    out = tmp_path / "out"
    assert export.main(["--model", str(run), str(out)]) == 0
    asked = {"image_bytes": pictures[:3], "sentences": sentences}
    (found,) = ask(tmp_path, [(out, "serving_default", asked)])
    np.testing.assert_allclose(found["scores"], scores, atol=1e-4)
    found = tmp_path / "found.json"
    line = ["search", "--model", str(run), "--image", str(pictures[0])]
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(sentences[:2]))
    more = ["--captions", str(lines), "--json", str(found)]
    assert match.main([*line, *more]) == 0
    (entry,) = json.loads(found.read_text())
    assert len(entry["found"]) == 2


def test_full_rank_in_two_factors_scores_as_one(pairs):
    """Of all ranks the last is that of the line itself."""
    from imcap.matching.scores import Embedder, score_all

    found = []
    for rank in (0, 9):
        options = {"matcher": "ridge", "ridge_rank": rank, "force": True}
        assert train(pairs, **options) == 0
        run = MatchRun.open(pairs / "run")
        split = PairSource.of(run.config).open("dev")
        model = run.task()
        assert model.rank == rank
        rows = split.encode(run.vocabulary)
        found.append(score_all(Embedder(model), split, rows))
    np.testing.assert_allclose(found[0], found[1], atol=2e-4)


def test_rank_out_of_range(pairs):
    assert train(pairs, matcher="ridge", ridge_rank=-1) == 2


def test_attention_is_shown_beside_the_line(pairs, capsys):
    """A ridge of the same pairs is kept, scored, and gone with its run."""
    assert train(pairs) == 0
    run = MatchRun.open(pairs / "run")
    capsys.readouterr()
    assert evaluate(run.path, "--split", "test") == 0
    assert "ridge regression" in capsys.readouterr().out
    found = metrics(run.path, "test")
    options = {"matcher": "ridge", "ridge_rank": 128, "force": True}
    assert train(pairs, checkpoint_path=pairs / "ridge", **options) == 0
    assert evaluate(pairs / "ridge", "--split", "test") == 0
    expected = metrics(pairs / "ridge", "test")
    assert "baseline" not in expected
    assert found["baseline"]["rsum"] == expected["rsum"] > 0
    assert found["rsum"] != expected["rsum"]
    assert train(pairs, matcher="ridge", force=True) == 0
    assert run.baseline() is None

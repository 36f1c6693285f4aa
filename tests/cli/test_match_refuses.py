"""`imcap match` says in one line what is wrong with data and runs."""

import json

import numpy as np
import pytest

from helpers.matching_runs import evaluate, train, write_scan_words
from helpers.tiny_pairs import write_split
from imcap.cli import match


def rows_short(folder):
    data = folder / "data" / "tiny_precomp"
    np.save(data / "train_ims.npy", np.zeros((7, 3, 7), "float32"))
    return "train_ims.npy: 7 rows do not match 60 captions"


def feature_nan(folder):
    path = folder / "data" / "tiny_precomp" / "train_ims.npy"
    features = np.load(path)
    features[3, 1, 1] = np.nan
    np.save(path, features)
    return "row 3: a value is not finite"


def folder_absent(folder):
    (folder / "data" / "tiny_precomp").rename(folder / "data" / "else")
    return "train_caps.txt: no such file"


def vocabulary_damaged(folder):
    (folder / "vocab").mkdir()
    path = folder / "vocab" / "tiny_precomp_vocab.json"
    path.write_text('{"word2idx": {"<pad>": 0, "dog": 7}}')
    return "tiny_precomp_vocab.json"


@pytest.mark.parametrize(
    "damage", [rows_short, feature_nan, folder_absent, vocabulary_damaged]
)
def test_one_line_for_broken_data(pairs, capsys, damage):
    reason = damage(pairs)
    assert train(pairs) == 2
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if "error: " in line]
    assert len(lines) == 1 and "Traceback" not in error
    assert reason in lines[0]
    assert lines[0].startswith("imcap match train: error: ")


def vocabulary_replaced(run):
    path = run / "vocabulary.json"
    from imcap.data.words.vocabulary import Vocabulary

    words = list(Vocabulary.load(path).words)
    words[4:] = words[:3:-1]
    Vocabulary(words, 0, 1, 2, 3, "scan").save(path)
    return [], "not the vocabulary that this run was trained with"


def weights_cut(run):
    path = run / "best.weights.h5"
    path.write_bytes(path.read_bytes()[:999])
    return [], "best.weights.h5"


def other_width(run):
    write_split(run / "wide_precomp", "test", channels=8)
    data = ["--data_path", run, "--data_name", "wide_precomp"]
    return data, "trained on features 7 wide"


def no_run(run):
    (run / "config.json").unlink()
    return [], "made by `imcap match train`"


@pytest.mark.parametrize(
    "damage", [vocabulary_replaced, weights_cut, other_width, no_run]
)
def test_one_line_for_a_broken_run(matching_run, capsys, damage):
    extra, reason = damage(matching_run)
    assert evaluate(matching_run, *extra) == 2
    error = capsys.readouterr().err
    assert reason in error and "Traceback" not in error


def test_another_models_vocabulary_is_refused(matching_run, tmp_path, capsys):
    vocabulary = write_scan_words(tmp_path / "v.json", ["a", "dog"])
    again = ["--start_from", matching_run, "--vocab_path", vocabulary]
    assert match.main(["train", *map(str, again)]) == 2
    assert "not the vocabulary that" in capsys.readouterr().err


def test_a_run_of_captions_is_no_matcher(tmp_path, capsys):
    config = {"caption_model": "adaptive", "checkpoint_path": "run"}
    (tmp_path / "captioner").mkdir()
    (tmp_path / "captioner" / "config.json").write_text(json.dumps(config))
    assert match.main(["evaluate", "--model", str(tmp_path / "captioner")]) == 2
    assert "a run of another kind; give" in capsys.readouterr().err

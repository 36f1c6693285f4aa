"""Self-critical training from the command line."""

import json
import pickle
import shutil

import keras
import pytest

from helpers.tiny_data import flags, prepare_folder
from helpers.training_runs import (
    StopAfter,
    assert_same_state,
    history,
    position,
)
from imcap.cli import train


@pytest.fixture
def folder(tmp_path):
    return prepare_folder(tmp_path)


def self_critical(folder, **more):
    """Two epochs of cross-entropy and two of samples."""
    options = {
        "max_epochs": 4,
        "self_critical_after": 2,
        "self_critical_rate": 0.005,
        "train_sample_n": 3,
        "accumulate": 2,
        "weight_average": 0.9,
        "entropy_reward_weight": 0.01,
        "cross_entropy_weight": 0.1,
        "bleu_reward_weight": 0.5,
    }
    return flags(folder, **options, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with data and a run that nobody interrupted."""
    folder = prepare_folder(tmp_path_factory.mktemp("whole"))
    assert train.main(self_critical(folder)) == 0
    return folder


@pytest.mark.parametrize("step", [6, 10])  # of 16: before and after
def test_interrupted_run_goes_on_bit_for_bit(
    whole, tmp_path, monkeypatch, step
):
    folder = shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    words = self_critical(folder)
    other = ["--checkpoint_path", str(folder / "other")]
    with monkeypatch.context() as patched:
        StopAfter(patched, step=step)
        assert train.main([*words, *other]) == 130
    assert position(folder / "other" / "state.npz")["step"] == step
    assert train.main(["--start_from", str(folder / "other")]) == 0
    assert_same_state(
        folder / "run" / "state.npz", folder / "other" / "state.npz"
    )
    first, second = history(folder / "run")[1:3]
    assert "reward" not in first and second["reward"] > 0
    assert second["learning_rate"] == pytest.approx(0.005)
    assert len(list(folder.glob("ngrams-*.npz"))) == 1


def test_a_trained_run_is_the_start_of_another(trained, capsys):
    words = flags(trained, train_only=True, self_critical_after=0)
    other = ["--checkpoint_path", str(trained / "other")]
    assert train.main([*words, *other]) == 2
    assert "give --start_from RUN" in capsys.readouterr().err
    start = ["--start_from", str(trained / "run"), "--jit_compile"]
    assert train.main([*words, *other, *start]) == 0
    said = capsys.readouterr().out
    assert "note: a rate of 0.01" in said
    assert "best reward" in said


def test_frequencies_of_other_words_are_refused(folder, capsys):
    words = flags(folder, train_only=True, self_critical_after=1)
    table = {"document_frequency": {("7000",): 3.0}, "ref_len": 5}
    path = folder / "other-idxs.p"
    path.write_bytes(pickle.dumps(table))
    assert train.main([*words, "--cached_tokens", str(path)]) == 2
    error = capsys.readouterr().err
    assert "is no id of the vocabulary" in error
    assert "Traceback" not in error


def test_a_loss_that_is_no_number_stops_the_run(trained, capsys):
    run = trained / "run"
    before = (run / "state.npz").read_bytes()
    again = ["--start_from", str(run), "--max_epochs", "3", "--train_only"]
    again += ["--learning_rate", "1e38"]
    assert train.main(again) == 2
    error = capsys.readouterr().err
    assert "of epoch 3 (images " in error and "gave a loss of" in error
    assert "Traceback" not in error
    assert (run / "state.npz").read_bytes() == before


def test_a_step_is_one_graph_without_the_host(folder, monkeypatch):
    import tensorflow as tf

    found = []
    plain = keras.Model.fit

    def watched(self, data, **options):
        if self.self_critical is not None:
            step = self.make_train_function()
            iterator = iter(data)
            graph = self.train_function
            assert step is None and graph is not None
            traced = tf.function(
                lambda batch: self.train_step(batch)
            ).get_concrete_function(next(iterator))
            operations = [
                node.op for node in traced.graph.as_graph_def().node
            ] + [
                node.op
                for function in traced.graph.as_graph_def().library.function
                for node in function.node_def
            ]
            found.append(operations)
        return plain(self, data, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    words = flags(folder, self_critical_after=1, max_epochs=2, train_only=True)
    assert train.main(words) == 0
    (operations,) = found
    assert any("While" in name for name in operations)  # the samples
    host = ("PyFunc", "EagerPyFunc", "PyFuncStateless", "NumpyFunction")
    assert not set(operations) & set(host)
    assert not any(name.startswith("String") for name in operations)


def test_history_says_how_samples_fare(folder):
    words = flags(folder, self_critical_after=1, max_epochs=2)
    assert train.main([*words, "--baseline", "greedy"]) == 0
    last = json.loads(
        (folder / "run" / "metrics.jsonl").read_text().splitlines()[-1]
    )
    wanted = {
        "reward",
        "baseline",
        "advantage",
        "entropy",
        "sample_length",
        "unfinished",
        "distinct_samples",
        "val_CIDEr",
    }
    assert wanted <= set(last)

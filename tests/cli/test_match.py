"""`imcap match train` and `evaluate`: learn, stop, continue, refuse."""

import json

import numpy as np
import pytest

from helpers.matching_runs import evaluate, metrics, train, write_scan_words
from helpers.tiny_data import prepare_folder
from helpers.training_runs import StopAfter, assert_same_state, history
from imcap.cli import match
from imcap.cli.match_train import resolve_config
from imcap.matching import scores as match_scores
from imcap.matching.data import read_vocabulary
from imcap.metrics.recall import retrieval_metrics
from imcap.runs.presets import PRESETS

MATCHING = sorted(path.stem for path in (PRESETS / "matching").glob("*.json"))


@pytest.fixture
def run(matching_run):
    return matching_run


def test_pairs_are_learnt_by_heart(pairs, capsys):
    options = {"num_epochs": 80, "embed_size": 32, "train_only": True}
    options |= {"lr_update": 60, "bi_gru": True, "agg_func": "Mean"}
    assert train(pairs, mask_same_image=True, **options) == 0
    run = pairs / "run"
    losses = [entry["loss"] for entry in history(run)]
    assert losses[-1] < 0.2 * losses[0]
    capsys.readouterr()
    assert evaluate(run, "--split", "train") == 0
    printed = capsys.readouterr().out.splitlines()
    assert metrics(run, "train")["image_to_text"]["R@1"] > 90
    assert metrics(run, "train")["text_to_image"]["R@1"] > 80
    assert printed[0].split() == ["R@1", "R@5", "R@10", "median", "mean"]
    # No column stands under another's name.
    first = printed[1].split()
    assert first[:3] == ["image", "to", "text"]
    recall = metrics(run, "train")["image_to_text"]["R@1"]
    assert float(first[3]) == pytest.approx(recall, abs=0.06)
    assert "(12 images, 60 captions)" in printed[3]


def test_a_run_is_validated_and_its_best_epoch_kept(run):
    first, second = history(run)
    assert second["learning_rate"] == pytest.approx(
        0.1 * first["learning_rate"]
    )
    best = max(first["val_rsum"], second["val_rsum"])
    assert evaluate(run, "--split", "dev") == 0
    found = metrics(run, "dev")
    assert found["rsum"] == pytest.approx(best)
    for short, name in (("i2t", "image_to_text"), ("t2i", "text_to_image")):
        entry = first if first["val_rsum"] == best else second
        assert found[name]["R@5"] == pytest.approx(entry[f"val_{short}_r5"])


def test_interrupted_training_goes_on_bit_for_bit(pairs, monkeypatch, capsys):
    options = {"num_epochs": 3, "weight_average": 0.9, "train_only": True}
    options |= {"max_violation": True, "max_violation_after": 1}
    assert train(pairs, **options) == 0
    other = pairs / "other"
    with monkeypatch.context() as patched:
        StopAfter(patched, step=6)  # in the middle of the second epoch
        assert train(pairs, checkpoint_path=other, **options) == 130
    remedy = f"go on with: imcap match train --start_from {other}"
    said = capsys.readouterr().err
    assert f"imcap match train: interrupted; {remedy}\n" in said
    assert match.main(["train", "--resume", str(other)]) == 0
    assert_same_state(pairs / "run" / "state.npz", other / "state.npz")
    ours, others = history(pairs / "run"), history(other)
    assert [e["loss"] for e in ours] == [e["loss"] for e in others]


def test_captions_and_features_of_ones_own(tmp_path, capsys):
    prepare_folder(tmp_path)
    given = {"data_path": None, "data_name": None, "vocab_path": None}
    given["input_json"] = tmp_path / "captions.json"
    given |= {"train_only": True, "num_epochs": 1}
    assert train(tmp_path, mixed_precision="bfloat16", **given) == 0
    assert "20 training pictures with 60 captions" in capsys.readouterr().out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["features"] is None
    assert np.isfinite(history(tmp_path / "run")[-1]["loss"])
    assert evaluate(tmp_path / "run") == 0
    assert metrics(tmp_path / "run", "test")["captions"] == 6


def test_ensembles_folds_and_saved_scores(run, matched_once, tmp_path, capsys):
    folder = tmp_path
    second = {"cross_attn": "i2t", "agg_func": "Mean", "num_epochs": 1}
    second |= {"train_only": True, "checkpoint_path": folder / "i2t"}
    assert train(matched_once, **second) == 0
    saved = {}
    for name, more in (
        ("t2i", [run]),
        ("i2t", [folder / "i2t"]),
        ("both", [run, "--ensemble", folder / "i2t"]),
    ):
        out = folder / f"{name}.npy"
        assert evaluate(*more, "--save_scores", out) == 0
        saved[name] = np.load(out)
    assert saved["t2i"].shape == (4, 20)
    mean = (saved["t2i"] + saved["i2t"]) / 2
    np.testing.assert_allclose(saved["both"], mean, atol=1e-6)
    expected = retrieval_metrics(mean, np.arange(20) // 5)["rsum"]
    found = metrics(run, "test_with_i2t")
    assert found["rsum"] == pytest.approx(expected)
    capsys.readouterr()
    assert evaluate(run, "--fold5") == 2
    assert "--fold5 needs --split testall" in capsys.readouterr().err
    # 10 images are five folds of two.
    assert evaluate(run, "--split", "testall", "--fold5") == 0
    found = metrics(run, "testall_fold5")
    assert (found["images"], found["captions"], found["folds"]) == (2, 10, 5)


def test_interrupted_evaluation_continues(run, tmp_path, monkeypatch):
    monkeypatch.setattr(match_scores, "BLOCK", 7)
    whole, parts = tmp_path / "whole.npy", tmp_path / "parts.npy"
    assert evaluate(run, "--save_scores", whole) == 0
    for file in (run / "scores").glob("best_*/**/*.npy"):
        file.unlink()
    plain, calls = match_scores.Embedder.score, []

    def third_time_interrupted(self, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(match_scores.Embedder, "score", third_time_interrupted)
    assert evaluate(run, "--save_scores", parts) == 130
    assert not parts.exists()
    assert evaluate(run, "--save_scores", parts) == 0
    # 20 captions are three blocks: two at first, one later.
    assert len(calls) == 4
    np.testing.assert_array_equal(np.load(whole), np.load(parts))
    assert evaluate(run) == 0
    assert len(calls) == 4, "what is known is not computed again"


def test_scores_of_earlier_weights_are_not_used(run, matched_once, tmp_path):
    out = tmp_path / "scores.npy"
    assert evaluate(run, "--save_scores", out) == 0
    before = np.load(out)
    again = {"num_epochs": 1, "seed": 9, "train_only": True}
    assert train(matched_once, "--force", checkpoint_path=run, **again) == 0
    assert evaluate(run, "--save_scores", out) == 0
    assert not np.array_equal(before, np.load(out))
    for name in ("best", "baseline"):
        assert len(list((run / "scores").glob(f"{name}_*"))) == 1


def test_scans_vocabulary_is_used_as_it_is(pairs):
    path = pairs / "vocab" / "tiny_precomp_vocab.json"
    write_scan_words(path, ["dog", "a"])
    assert train(pairs, num_epochs=1, train_only=True) == 0
    saved = json.loads((pairs / "run" / "vocabulary.json").read_text())
    assert saved["words"][4:] == ["dog", "a"]
    assert read_vocabulary(path).encode(["dog", "cat"]) == [4, 3]


@pytest.mark.parametrize("name", MATCHING)
def test_presets_are_flags_that_exist(name):
    given = {"preset": name, "seed": 5, "input_json": "captions.json"}
    config = resolve_config(given)
    assert (config.seed, config.preset) == (5, name)
    assert config.matcher == name.split("_")[0]
    if config.matcher == "scan":
        assert config.max_violation and config.bi_gru
        assert config.cross_attn in name


def test_published_settings():
    assert len(MATCHING) >= 8
    coco = resolve_config({"preset": "scan_i2t_lse_coco"})
    assert (coco.lambda_lse, coco.lambda_softmax) == (20, 4)
    assert (coco.max_epochs, coco.lr_update) == (20, 10)
    assert coco.learning_rate == 5e-4
    flickr = resolve_config({"preset": "scan_t2i_lse_f30k"})
    assert (flickr.lambda_lse, flickr.lambda_softmax) == (6, 9)
    assert (flickr.max_epochs, flickr.lr_update) == (30, 15)
    assert (flickr.learning_rate, flickr.agg_func) == (2e-4, "LogSumExp")
    assert resolve_config({"preset": "scan_i2t_lse_f30k"}).lambda_lse == 5
    assert resolve_config({"preset": "scan_i2t_avg_coco"}).agg_func == "Mean"


def test_the_originals_command_line(pairs):
    line = f"""--data_path {pairs}/data --data_name tiny_precomp
    --vocab_path {pairs}/vocab --logger_name {pairs}/log
    --model_name {pairs}/run --max_violation --bi_gru --agg_func=Mean
    --cross_attn=i2t --lambda_softmax=4 --num_epochs=1 --lr_update=10
    --learning_rate=.0005 --img_dim 7 --val_step 500 --log_step 10
    --embed_size 8 --word_dim 4 --raw_feature_norm clipped_l2norm
    --train_only"""
    assert match.main(["train", *line.split()]) == 0
    assert (pairs / "run" / "best.weights.h5").exists()


def test_the_commands_are_listed(capsys):
    assert match.main([]) == 0
    assert "search" in capsys.readouterr().out
    assert match.main(["find"]) == 2
    assert "unknown command 'find'" in capsys.readouterr().err

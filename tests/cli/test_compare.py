"""`imcap compare`: the same pictures, two runs, and how sure it is."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from helpers.reading_pages import PageReader
from helpers.refusing import only_error
from helpers.tiny_runs import CHANNELS, SIZE, make_match_run, make_run
from helpers.tiny_split import write_split
from imcap.captioning import comparison
from imcap.cli import compare as command
from imcap.cli.evaluate import EvaluateConfig
from imcap.vision.networks import small_cnn_metadata

FLAGS = ["--beam_size", "1", "--max_length", "4"]
FLAGS += ["--metrics", "Bleu", "ROUGE_L", "CIDEr"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of other weights on the same five pictures."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("compare")
    captions = write_split(folder)
    for name in ("one", "two"):
        make_run(
            folder / name, small_cnn_metadata(SIZE, CHANNELS), CHANNELS,
            cnntrain=True, sgate=name == "two", input_json=str(captions),
            images_root=str(folder / "images"),
        )  # fmt: skip
    return folder


def compare(folder, *words, runs=("one", "two")):
    """Runs the command; what it wrote as JSON, and its page."""
    page = folder / "page.html"
    names = [str(folder / name) for name in runs]
    status = command.main([*names, *FLAGS, "--output", str(page), *words])
    assert status == 0
    found = json.loads(page.with_suffix(".json").read_text())
    return found, PageReader(page.read_text(encoding="utf-8"))


def fails(capsys, *words):
    return only_error(command.main, capsys, *words)


@pytest.fixture
def counted(monkeypatch):
    """The runs that were evaluated, one after another."""
    calls, plain = [], comparison.evaluate

    def evaluated(run, *arguments):
        calls.append(str(run.path))
        return plain(run, *arguments)

    monkeypatch.setattr(comparison, "evaluate", evaluated)
    return calls


def test_flags_are_those_of_evaluate_without_a_run(folder, capsys):
    def names(config_class):
        return [field.name for field in dataclasses.fields(config_class)]

    shared = names(EvaluateConfig)
    shared.remove("model")
    assert names(command.CompareConfig)[: len(shared)] == shared
    with pytest.raises(SystemExit):
        command.main([str(folder / "one"), "--model", str(folder / "two")])
    assert "unknown flag --model" in capsys.readouterr().err


def test_scores_are_those_of_evaluate(folder, capsys):
    found, _ = compare(folder)
    printed = capsys.readouterr().out
    assert found["runs"] == ["one", "two"] and found["images"] == 5
    assert set(found["metrics"]) == {
        "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr"
    }  # fmt: skip
    for side, name in (("first", "one"), ("second", "two")):
        path = folder / name / "evaluation" / "test_greedy" / "metrics.json"
        metrics = json.loads(path.read_text())
        for metric, one in found["metrics"].items():
            assert one[side] == pytest.approx(metrics[metric], abs=1e-9)
            assert f"{one[side]:.4f}" in printed
    for one in found["metrics"].values():
        low, high = one["interval"]
        assert low <= high
        assert one["difference"] == pytest.approx(one["second"] - one["first"])
        assert one["excludes_zero"] == (low > 0 or high < 0)


def test_results_are_used_again_for_the_same_flags_only(folder, counted):
    compare(folder)
    counted.clear()
    first, _ = compare(folder)
    assert not counted
    again, _ = compare(folder, "--seed", "3")
    assert not counted  # it only draws other resamples
    compare(folder, "--num_images", "2")
    assert len(counted) == 2
    names = {path.name for path in (folder / "one" / "evaluation").iterdir()}
    assert "test_greedy" in names and len(names) == 2
    path = folder / "one" / "evaluation" / "test_greedy" / "per_image.json"
    assert len(json.loads(path.read_text())) == 5
    assert first["metrics"].keys() == again["metrics"].keys()
    counted.clear()
    best = folder / "one" / "best.weights.h5"
    before = best.read_bytes()
    best.write_bytes((folder / "one" / "best.weights.h5").read_bytes() + b"\0")
    compare(folder)
    best.write_bytes(before)
    assert counted == [str(folder / "one")]


def test_a_run_with_itself(folder):
    found, page = compare(folder, runs=("two", "two"))
    for one in found["metrics"].values():
        assert one["difference"] == 0 and one["interval"] == [0, 0]
        assert not one["excludes_zero"]
    assert page.count("tr", **{"class": "open"}) == len(found["metrics"])


def test_page(folder):
    found, page = compare(folder, "--shown", "3")
    assert len(page.cards) == 3
    said = {}
    for name in ("one", "two"):
        path = folder / name / "evaluation" / "test_greedy" / "per_image.json"
        said[name] = json.loads(path.read_text())
    order = np.argsort(
        [
            -abs(b["CIDEr"] - a["CIDEr"])
            for a, b in zip(said["one"], said["two"], strict=True)
        ],
        kind="stable",
    )
    rows = sorted(order[:3])
    for row, text, card in zip(
        rows, page.cards, page.data["cards"], strict=True
    ):
        for name in said:
            assert said[name][row]["caption"] in text
        change = said["two"][row]["CIDEr"] - said["one"][row]["CIDEr"]
        assert card["scores"]["Δ CIDEr"] == pytest.approx(change)
    assert page.count("img") == 3
    assert page.count("svg") == len(found["metrics"])


def test_without_pictures(folder, tmp_path):
    _, page = compare(folder, "--images_root", str(folder / "images"))
    assert page.count("img") == 5
    hidden = folder / "images"
    hidden.rename(folder / "elsewhere")
    try:
        _, page = compare(folder)
    finally:
        (folder / "elsewhere").rename(hidden)
    assert page.count("img") == 0 and len(page.cards) == 5
    assert "without pictures" in page.text


def test_other_pictures(folder, capsys):
    other = write_split(folder / "other", count=4)
    make_run(
        folder / "three", small_cnn_metadata(SIZE, CHANNELS), CHANNELS,
        cnntrain=True, input_json=str(other),
        images_root=str(folder / "other" / "images"),
    )  # fmt: skip
    words = [folder / "one", folder / "three", *FLAGS]
    line = fails(capsys, *words)
    assert "picture 104" in line and "three" in line
    entries = json.loads(other.read_text())
    for entry in entries["images"]:
        entry["sentences"] = entry["sentences"][:1]
    captions = json.loads((folder / "captions.json").read_text())["images"]
    entries["images"].append(captions[4])
    other.write_text(json.dumps(entries))
    image = folder / "other" / "images" / "p4.png"
    image.write_bytes((folder / "images" / "p4.png").read_bytes())
    assert "other captions" in fails(capsys, *words)


def test_bad_flags(folder, capsys, tmp_path):
    def line(*words):
        return fails(capsys, *words)

    one, two = folder / "one", folder / "two"
    assert "two runs" in line(one)
    assert "two runs" in line(one, two, two)
    assert "--resamples" in line(one, two, "--resamples", "1")
    assert ".html" in line(one, two, "--output", tmp_path / "page")
    assert "no such run" in line(one, tmp_path / "none")
    assert "--seed" in line(one, two, "--seed", "-1")
    assert "there are Bleu" in line(one, two, "--metrics", "Foo")
    assert "--num_images" in line(one, two, "--num_images", "0")
    matcher = make_match_run(tmp_path)
    assert "match evaluate" in line(one, matcher.path)


@pytest.mark.parametrize(
    "paths, wanted",
    [
        (("runs/a", "runs/b"), ("a", "b")),
        (("x/run", "y/run"), ("x/run", "y/run")),
        (("p/x/run", "q/x/run"), ("p/x/run", "q/x/run")),
    ],
)
def test_names(paths, wanted):
    assert comparison.short_names(paths) == wanted

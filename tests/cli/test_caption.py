"""`imcap caption`: pictures in, captions and drawings out, or one line."""

import json

import numpy as np
import pytest
from PIL import Image

from helpers.refusing import only_error
from helpers.tiny_runs import (
    CHANNELS,
    SIZE,
    make_picture_run,
    make_run,
    save_network,
)
from imcap.cli.caption import main
from imcap.models.backbones import backbone_metadata, build_backbone
from imcap.vision.networks import small_cnn_metadata


def caption(run, *words):
    """Runs the command on a run; its captions are three words long."""
    return main(
        ["--model", str(run.path), "--max_length", "3", *map(str, words)]
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained from pictures, with adaptive attention."""
    path = tmp_path_factory.mktemp("runs") / "pictures"
    return make_picture_run(path, sgate=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights of a network of keras.applications."""
    folder = tmp_path_factory.mktemp("weights")
    return save_network(folder / "mobilenet.weights.h5")


@pytest.fixture
def feature_run(tmp_path, weights):
    """Trained on features of a 4 x 4 map, pooled to 2 x 2."""
    layer = "conv_pw_5_relu"
    backbone = build_backbone("mobilenet", weights, layer, SIZE)
    metadata = backbone_metadata(backbone) | {"att_size": 2, "grid": [2, 2]}
    return make_run(
        tmp_path / "features", metadata, metadata["channels"], weights
    )


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for number in range(2):
        noise = rng.integers(0, 256, (40, 50 + number, 3), "uint8")
        Image.fromarray(noise).save(folder / f"p{number}.png")
    (folder / "broken.png").write_bytes((folder / "p0.png").read_bytes()[:200])
    return folder


def test_folder_with_a_broken_picture(run, pictures, tmp_path, capsys):
    found = tmp_path / "found.json"
    options = ["--output", tmp_path / "drawn", "--beam_size", "2"]
    assert caption(run, pictures, "--json", found, *options) == 0
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if ".png: " in line]
    assert len(lines) == 2
    assert lines[0].startswith(f"{pictures / 'p0.png'}: ")
    assert lines[0].endswith(")")
    errors = [line for line in said.err.splitlines() if "left out" in line]
    assert len(errors) == 1 and "broken.png" in errors[0]
    drawn = sorted(p.name for p in (tmp_path / "drawn").iterdir())
    assert drawn == ["p0.png", "p1.png"]
    entries = json.loads(found.read_text())
    assert [e["image"] for e in entries] == [
        str(pictures / "p0.png"),
        str(pictures / "p1.png"),
    ]
    assert entries[0]["captions"][0]["log_probability"] < 0


def test_samples_and_no_drawing(run, pictures, capsys):
    words = [run, pictures / "p0.png", "--sample_n", "3", "--no_draw"]
    assert caption(*words) == 0
    first = capsys.readouterr().out
    assert first.count("p0.png: ") == 3
    assert not (run.path / "attention").exists()
    assert caption(*words) == 0
    assert capsys.readouterr().out == first


def test_equal_names_are_drawn_side_by_side(run, pictures, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "p0.png").write_bytes((pictures / "p1.png").read_bytes())
    options = ["--output", tmp_path / "drawn", "--beam_size", "1"]
    both = [pictures / "p0.png", other / "p0.png"]
    assert caption(run, *both, *options, "--allow_unk") == 0
    drawn = sorted(p.name for p in (tmp_path / "drawn").iterdir())
    assert drawn == ["p0.png", "p0_2.png"]


def test_run_on_features(feature_run, pictures, capsys):
    assert (feature_run.path / "encoder.weights.h5").exists()
    assert caption(feature_run, pictures / "p1.png") == 0
    assert "p1.png: " in capsys.readouterr().out
    assert (feature_run.path / "attention" / "p1.png").exists()


@pytest.mark.parametrize(
    "name, heads", [("show_attend_tell", 1), ("relation_transformer", 2)]
)
def test_whatever_the_captioner(name, heads, pictures, tmp_path, monkeypatch):
    """What was looked at reaches the drawing, gates and heads included."""
    from imcap.drawing import attention as plots

    drawn = []
    monkeypatch.setattr(
        plots,
        "draw_attention",
        lambda *args, **options: drawn.append((*args, options)),
    )
    options = {"num_layers": 1, "heads": heads, "ff_size": 8}
    if heads > 1:
        options["emb_dim"] = 8
    run = make_run(
        tmp_path / name,
        small_cnn_metadata(SIZE, CHANNELS),
        CHANNELS,
        cnntrain=True,
        caption_model=name,
        **options,
    )
    assert caption(run, pictures / "p0.png", "--draw_heads") == 0
    _, words, attention, _, options = drawn[0]
    shape = attention["weights"].shape
    assert options["heads"] and options["grid"] == (4, 4)
    assert shape[:2] == (len(words) + 1, 16) or shape[:2] == (len(words), 16)
    assert shape[2:] == ((heads,) if heads > 1 else ())
    assert ("gate" in attention) == (name == "show_attend_tell")


def fails(words, capsys):
    return only_error(main, capsys, *words)


def test_missing_run(pictures, capsys, tmp_path):
    line = fails(["--model", tmp_path / "no", pictures / "p0.png"], capsys)
    assert "no such run" in line


def test_no_pictures(run, capsys):
    assert "at least one picture" in fails(["--model", run.path], capsys)


def test_only_bad_pictures(run, pictures, capsys, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    bad = [pictures / "broken.png", tmp_path / "missing.png", empty]
    assert main(["--model", str(run.path), *map(str, bad)]) == 2
    said = capsys.readouterr().err
    for path in bad:
        assert said.count(f"left out: {path}: ") == 1
    assert "3 left out" in said


def test_weights_of_another_network(feature_run, pictures, capsys):
    path = feature_run.path / "encoder.weights.h5"
    path.write_bytes(path.read_bytes() + b"more")
    line = fails(["--model", feature_run.path, pictures / "p0.png"], capsys)
    assert "not the weights that made the features" in line
    path.unlink()
    line = fails(["--model", feature_run.path, pictures / "p0.png"], capsys)
    assert "encoder.weights.h5" in line


def test_weights_cut_short(feature_run, pictures, capsys):
    whole = feature_run.best.read_bytes()
    feature_run.best.write_bytes(whole[: len(whole) // 2])
    line = fails(["--model", feature_run.path, pictures / "p0.png"], capsys)
    assert "best.weights.h5" in line


def test_features_of_unknown_origin(tmp_path, pictures, capsys):
    run = make_run(tmp_path / "unknown", {}, CHANNELS)
    line = fails(["--model", run.path, pictures / "p0.png"], capsys)
    assert "not known what made its features" in line


@pytest.mark.parametrize(
    "flag, value",
    [
        ("--temperature", "0"),
        ("--top_p", "1.5"),
        ("--top_k", "-1"),
        ("--no_repeat_ngram", "-2"),
        ("--seed", "-1"),
        ("--sample_n", "-1"),
        ("--beam_size", "0"),
        ("--max_length", "0"),
        ("--group_size", "3"),
    ],
)
def test_flags_out_of_range(run, pictures, capsys, flag, value):
    words = ["--model", run.path, pictures / "p0.png", flag, value]
    assert flag in fails(words, capsys)

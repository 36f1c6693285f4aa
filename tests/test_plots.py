"""Drawings: something is drawn, in the right place, or refused."""

import json

import numpy as np
import pytest
from PIL import Image

from imcap.data.errors import InputError
from imcap.plots import draw_attention, draw_learning_curves, lit

WORDS = ["a", "red", "$circle_"]
GREY = np.full((30, 40, 3), 128, "uint8")


def weights(rows=3, locations=6):
    drawn = np.random.default_rng(0).random((rows, locations))
    return drawn / drawn.sum(axis=1, keepdims=True)


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), "float64")


@pytest.mark.parametrize("rows", [3, 4])
def test_attention_is_drawn(tmp_path, rows):
    attention = {"weights": weights(rows), "sentinel": np.full(rows, 0.25)}
    path = tmp_path / "folder" / "a.png"
    draw_attention(GREY, WORDS, attention, path, grid=(2, 3))
    drawn = pixels(path)
    assert min(drawn.shape[:2]) > 150
    assert drawn.std() > 20
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]


def test_heads_are_averaged(tmp_path):
    heads = np.stack([weights(), weights()[::-1]], axis=-1)
    paths = [tmp_path / "heads.png", tmp_path / "mean.png"]
    mean = heads.mean(axis=-1)
    for path, part in zip(paths, (heads, mean), strict=True):
        draw_attention(GREY, WORDS, {"weights": part}, path, grid=(2, 3))
    np.testing.assert_array_equal(*map(pixels, paths))


def test_weights_change_the_picture(tmp_path):
    for name, cell in (("left", 0), ("right", 3)):
        row = np.eye(4)[[cell]]
        draw_attention(GREY, ["x"], {"weights": row}, tmp_path / name)
    difference = pixels(tmp_path / "left") - pixels(tmp_path / "right")
    assert np.abs(difference).max() > 50


def test_boxes(tmp_path):
    boxes = np.array([[0, 0, 10, 10], [20, 5, 40, 30]])
    row = np.array([[0.1, 0.9]])
    path = tmp_path / "boxes.png"
    draw_attention(GREY, ["x"], {"weights": row}, path, boxes=boxes)
    assert pixels(path).std() > 20


def test_light_falls_where_the_heat_is():
    heat = np.zeros((30, 40))
    heat[10:20, 10:20] = 1.0
    shown = lit(GREY, heat).astype("int64").sum(axis=2)
    assert shown[15, 15] > 2 * shown[0, 0] > 0


@pytest.mark.parametrize(
    "image, words, attention, options, message",
    [
        (GREY[..., 0], WORDS, {"weights": weights()}, {}, "image must be"),
        (GREY, [], {"weights": weights()}, {}, "no words"),
        (GREY, WORDS, {"weights": weights(5)}, {}, "3 words, but weights"),
        (GREY, WORDS, {"weights": weights(2)}, {}, "3 words, but weights"),
        (GREY, WORDS, {"weights": weights()[0]}, {}, "must be"),
        (GREY, WORDS, {"weights": weights()}, {}, "no grid of 2 x 2"),
        (GREY, WORDS, {"weights": weights()}, {"grid": (2, 4)}, "no grid"),
        (
            GREY,
            WORDS,
            {"weights": weights(), "sentinel": np.zeros(2)},
            {"grid": (2, 3)},
            "sentinel has 2",
        ),
        (
            GREY,
            WORDS,
            {"weights": weights()},
            {"boxes": np.zeros((5, 4))},
            "6 locations, but boxes",
        ),
    ],
)
def test_shapes_that_do_not_fit(
    tmp_path, image, words, attention, options, message
):
    with pytest.raises(ValueError, match=message):
        draw_attention(image, words, attention, tmp_path / "a.png", **options)
    assert not list(tmp_path.iterdir())


def test_learning_curves(tmp_path):
    source = tmp_path / "metrics.jsonl"
    lines = [
        {"epoch": 1, "loss": 3.0, "val_CIDEr": 0.1, "val_Bleu_4": 0.1},
        {"epoch": 2, "loss": 2.0, "val_CIDEr": 0.4, "val_Bleu_4": 0.2},
    ]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    draw_learning_curves(source, tmp_path / "curves.png")
    assert pixels(tmp_path / "curves.png").std() > 10


@pytest.mark.parametrize("text", [None, "", '{"epoch": 1', '{"loss": 1}'])
def test_metrics_that_are_none(tmp_path, text):
    source = tmp_path / "metrics.jsonl"
    if text is not None:
        source.write_text(text)
    with pytest.raises(InputError, match=r"metrics\.jsonl"):
        draw_learning_curves(source, tmp_path / "curves.png")

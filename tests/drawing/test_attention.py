"""Drawings: something is drawn, in the right place, or refused."""

import json

import numpy as np
import pytest
from PIL import Image

from imcap.drawing.attention import draw_attention
from imcap.drawing.curves import draw_learning_curves
from imcap.drawing.panels import LOOKS, RELIES
from imcap.errors import InputError

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


def test_each_head_has_a_row(tmp_path):
    heads = np.stack([weights(), weights()[::-1]], axis=-1)
    heights = {}
    for count in (1, 2):
        path = tmp_path / f"{count}.png"
        attention = {"weights": np.repeat(heads, count, axis=-1)}
        draw_attention(GREY, WORDS, attention, path, grid=(2, 3), heads=True)
        heights[count] = pixels(path).shape[0]
    assert heights[2] > 1.4 * heights[1]
    # One head is its own mean.
    paths = [tmp_path / "one.png", tmp_path / "none.png"]
    for path, part in zip(paths, (heads[..., :1], heads[..., 0]), strict=True):
        attention = {"weights": part}
        draw_attention(GREY, WORDS, attention, path, grid=(2, 3), heads=True)
    np.testing.assert_array_equal(*map(pixels, paths))


def colour(path, code):
    """How many pixels have about that colour."""
    wanted = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)])
    return (np.abs(pixels(path) - wanted).max(axis=2) < 3).sum()


@pytest.mark.parametrize("heads", [False, True])
def test_gate_and_sentinel_have_one_bar(tmp_path, heads):
    both = np.stack([weights(), weights()[::-1]], axis=-1)
    shares = {}
    for name, share in (("gate", 0.75), ("sentinel", 0.25)):
        path = tmp_path / f"{name}.png"
        attention = {"weights": both, name: np.full(3, share)}
        draw_attention(GREY, WORDS, attention, path, grid=(2, 3), heads=heads)
        shares[name] = colour(path, LOOKS) / colour(path, RELIES)
    # Letters have these colours too.
    assert 2.4 < shares["gate"] < 3.6
    assert 2.4 < shares["sentinel"] < 3.6


def test_a_shut_gate_dims(tmp_path):
    light = []
    for gate in (0.0, 1.0):
        path = tmp_path / f"{gate}.png"
        attention = {"weights": weights(), "gate": np.full(3, gate)}
        draw_attention(GREY, WORDS, attention, path, grid=(2, 3))
        red, _, blue = np.moveaxis(pixels(path), 2, 0)
        # The glow on grey, neither white nor the orange of the bar.
        light.append(((red > 140) & (blue > 80) & (blue < 150)).sum())
    assert light[1] > light[0] + 2000


def test_channels_are_a_table(tmp_path):
    channels = np.random.default_rng(0).dirichlet(np.ones(50), size=4)
    plain, both, alone = (tmp_path / f"{n}.png" for n in range(3))
    seen = {"weights": weights(4)}
    draw_attention(GREY, WORDS, seen, plain, grid=(2, 3))
    seen = {"weights": weights(4), "channels": channels}
    draw_attention(GREY, WORDS, seen, both, grid=(2, 3))
    assert pixels(both).shape[0] > pixels(plain).shape[0] + 100
    draw_attention(GREY, WORDS, {"channels": channels}, alone)
    drawn = pixels(alone)
    reddish = drawn[..., 0] > drawn[..., 2] + 60
    assert reddish.sum() > 1000


def test_weights_change_the_picture(tmp_path):
    for name, cell in (("left", 0), ("right", 3)):
        row = np.eye(4)[[cell]]
        draw_attention(GREY, ["x"], {"weights": row}, tmp_path / name)
    difference = pixels(tmp_path / "left") - pixels(tmp_path / "right")
    assert np.abs(difference).max() > 50


@pytest.mark.parametrize(
    "same",
    [
        lambda image: image / 255.0,
        lambda image: image / 127.5 - 1.0,
        lambda image: np.moveaxis(image, 2, 0),
        Image.fromarray,
    ],
    ids=["0..1", "-1..1", "channels first", "PIL"],
)
def test_pictures_in_every_form_are_drawn_alike(tmp_path, same):
    image = np.zeros((30, 40, 3), "uint8")
    image[:, 20:] = 255
    for name, picture in (("plain", image), ("same", same(image))):
        draw_attention(
            picture, WORDS, {"weights": weights()}, tmp_path / f"{name}.png",
            grid=(2, 3),
        )  # fmt: skip
    drawn = [pixels(tmp_path / f"{name}.png") for name in ("plain", "same")]
    np.testing.assert_array_equal(*drawn)


def test_boxes_are_pixels_of_the_picture(tmp_path):
    # A box of the left half lights what two cells, left and right, would.
    boxes = np.array([[0, 0, 20, 30], [20, 0, 40, 30]])
    row = np.array([[0.0, 1.0]])
    path = tmp_path / "boxes.png"
    draw_attention(GREY, ["x"], {"weights": row}, path, boxes=boxes)
    drawn = pixels(path)
    panel = drawn[drawn.shape[0] * 2 // 3, drawn.shape[1] // 2 + 20 : -20]
    middle = len(panel) // 2
    dark, light = panel[: middle - 20].mean(), panel[middle + 20 :].mean()
    assert light > 2 * dark > 0


@pytest.mark.parametrize(
    "image, words, attention, options, message",
    [
        (GREY[..., :2], WORDS, {"weights": weights()}, {}, "not a picture"),
        (GREY, [], {"weights": weights()}, {}, "no words"),
        (GREY, WORDS, {"weights": weights(5)}, {}, "3 words, but weights"),
        (GREY, WORDS, {"weights": weights(2)}, {}, "3 words, but weights"),
        (GREY, WORDS, {"weights": weights()[0]}, {}, "must be"),
        (GREY, WORDS, {"gate": np.ones(3)}, {}, "nothing to draw"),
        (GREY, WORDS, {"channels": np.ones((2, 5))}, {}, "channels has 2"),
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

"""`imcap demo` in small: it runs through, and leaves a usable run."""

import json

import numpy as np
import pytest
from PIL import Image

from imcap.captioning.generation import Caption
from imcap.cli import caption, demo, evaluate
from imcap.data.scenes.scenes import draw_scenes, relation_between
from imcap.demo.report import measure_captions
from imcap.demo.scenes import IMAGE_SIZE
from imcap.demo.training import CachedPixels


@pytest.fixture
def run(demo_run):
    return demo_run


def test_metrics_are_written(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["images"] == 8
    assert {"Bleu_4", "ROUGE_L", "CIDEr"} <= set(metrics)
    with Image.open(run / "curves.png") as image:
        assert np.asarray(image).std() > 10


def test_metrics_are_those_of_the_pictures_on_disk(run):
    """What is measured in training's batches, from files and another door."""
    import imcap

    captioner = imcap.load(run)
    paths = [run / "images" / f"test_{n:05}.png" for n in range(8)]
    captions = captioner.attention(paths, beam_size=1, max_length=16)
    scenes = draw_scenes(8, seed=3, image_size=IMAGE_SIZE)
    expected = measure_captions(captions, scenes.objects, captioner.grid)
    assert expected["shape_words"] > 0
    metrics = json.loads((run / "metrics.json").read_text())
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, abs=1e-4), name


def test_the_run_can_be_evaluated(run, capsys):
    status = evaluate.main(
        ["--model", str(run), "--split", "test", "--metrics", "Bleu"]
    )
    assert status == 0
    assert "Bleu_4" in capsys.readouterr().out


def test_the_run_captions(run, capsys):
    picture = str(run / "images" / "test_00000.png")
    assert caption.main(["--model", str(run), picture]) == 0
    assert "test_00000.png: " in capsys.readouterr().out


def test_pixels_are_cached_as_they_are(run):
    scene = draw_scenes(1, seed=3, image_size=IMAGE_SIZE).images[0]
    name = run / "images" / "test_00000.png"
    read = CachedPixels({0: name}, IMAGE_SIZE)
    for _ in range(2):
        np.testing.assert_array_equal(read([0])["images"][0], scene)


def test_what_is_measured():
    scenes = draw_scenes(40, seed=5)
    things = next(
        things
        for things in scenes.objects
        if len(things) == 2 and things[0].color != things[1].color
    )
    first, second = things
    wrong = "star" if first.shape != "star" else "cross"
    cells = [int(t.touched_cells(8, 8).argmax()) for t in things]

    def said(shape, looked):
        words = f"a {first.color} {shape} and a {second.color} {second.shape}"
        weights = np.zeros((8, 64))
        weights[2, looked[0]] = weights[6, looked[1]] = 0.5
        sentinel = np.array([1, 1, 0.5, 1, 1, 1, 0.5, 1])
        attention = {"weights": weights, "sentinel": sentinel}
        return Caption(words.split(), np.zeros(8), 0.0, attention)

    captions = [
        said(first.shape, cells),  # right
        said(first.shape, cells[::-1]),  # looks at the other one
        said(wrong, cells),  # names what is not there
    ]
    found = measure_captions(captions, [things] * 3, (8, 8))
    assert found["caption_accuracy"] == pytest.approx(2 / 3)
    assert found["attention_accuracy"] == pytest.approx(3 / 6)
    assert found["shape_words"] == 6
    assert found["sentinel_on_shape_words"] == pytest.approx(0.5)
    assert found["sentinel_on_other_words"] == pytest.approx(1.0)


def test_relations():
    scenes = draw_scenes(40, seed=5)
    things = next(t for t in scenes.objects if len(t) == 2)
    true = relation_between(*things)
    captions = []
    for relation in {true, "above", "left of", "right of"}:
        first, second = (f"a {t.color} {t.shape}" for t in things)
        words = f"{first} {relation} {second}".split()
        seen = {"weights": np.ones((9, 4)), "sentinel": np.zeros(9)}
        captions.append(Caption(words, np.zeros(9), 0.0, seen))
    objects = [things] * len(captions)
    found = measure_captions(captions, objects, (2, 2))["relation_accuracy"]
    assert found == pytest.approx(1 / len(captions))


@pytest.mark.parametrize(
    "words, message",
    [
        (["--images", "0"], "--images"),
        (["--epochs", "0"], "--epochs"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_bad_numbers(tmp_path, words, message, capsys):
    assert demo.main(["--output", str(tmp_path / "d"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_another_run_is_left_alone(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    assert demo.main(["--output", str(tmp_path)]) == 2
    assert "another --output" in capsys.readouterr().err
    assert (tmp_path / "config.json").read_text() == "{}"

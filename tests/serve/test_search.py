"""`imcap serve` for a run of image-text matching: search and thumbnails."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

import imcap
from helpers.asking import ask, ask_all
from helpers.tiny_runs import make_match_run

pytest.importorskip("starlette", reason="imcap[serve] is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        rng = np.random.default_rng(number)
        noise = rng.integers(0, 256, (40, 50 + number, 3), "uint8")
        Image.fromarray(noise).save(folder / f"p{number}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(0)
    run = make_match_run(tmp_path_factory.mktemp("search"))
    return imcap.load(run.path)


@pytest.fixture(scope="module")
def app(model, folder):
    from imcap.serve.app import build_app
    from imcap.serve.search import FolderSearch

    return build_app(FolderSearch(model, folder))


def search(app, sentence, **more):
    return ask(app, "GET", "/api/search", params={"q": sentence, **more})


def test_pictures_as_the_interface_finds_them(app, model, folder):
    sentence = "A dog runs, zebra, on green grass"
    answer = search(app, sentence, top=3).json()
    expected = model.search(folder, sentence, top=3)
    assert [one["name"] for one in answer["results"]] == [
        path.name for path, _ in expected
    ]
    for one, (path, score) in zip(answer["results"], expected, strict=True):
        assert one["score"] == pytest.approx(score, abs=1e-3)
        words, weights = model.attention(str(path), sentence)
        assert answer["words"] == words
        np.testing.assert_allclose(one["attention"], weights, atol=1e-3)
    assert answer["grid"] == [4, 4] and answer["unknown"] == ["zebra"]


def test_questions_at_once_are_those_one_by_one(app):
    sentences = ["a dog", "the green grass", "runs on the grass"]
    alone = [search(app, sentence).json() for sentence in sentences]
    together = ask_all(
        app,
        *(("GET", "/api/search", {"params": {"q": s}}) for s in sentences),
    )
    for one, other in zip(alone, together, strict=True):
        other = other.json()
        assert one["words"] == other["words"]
        for mine, theirs in zip(one["results"], other["results"], strict=True):
            assert mine["name"] == theirs["name"]
            assert mine["score"] == pytest.approx(theirs["score"], abs=1e-3)


@pytest.mark.parametrize(
    "query,reason",
    [
        ({}, "write a sentence"),
        ({"q": "  "}, "write a sentence"),
        ({"q": "zebra quagga"}, "knows none of these words"),
        ({"q": "a" * 301}, "at most 300"),
        ({"q": "a dog", "top": "0"}, "top must be"),
        ({"q": "a dog", "top": "-1"}, "top must be"),
        ({"q": "a dog", "top": "9" * 5000}, "top must be"),
        ({"q": "a dog", "top": "000000001999"}, "top must be"),
    ],
)
def test_a_strange_question(app, query, reason):
    answer = ask(app, "GET", "/api/search", params=query)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_thumbnails_come_from_the_index_alone(app):
    results = search(app, "a dog").json()["results"]
    for one in results:
        answer = ask(app, "GET", one["thumbnail"])
        assert answer.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(answer.content)) as small:
            assert small.height == 40
            assert small.width == 50 + int(one["name"][1])
    for row in ("4", "-1", "999999999999", "p0.png", "..%2Fp0.png"):
        answer = ask(app, "GET", f"/api/thumbnails/{row}")
        assert answer.status_code == 404, row


def test_a_picture_that_is_gone(app, folder, model):
    from imcap.serve.app import build_app
    from imcap.serve.search import FolderSearch

    fresh = build_app(FolderSearch(model, folder))
    aside = (folder / "p3.png").rename(folder / "p3.away")
    try:
        answers = [
            ask(fresh, "GET", f"/api/thumbnails/{row}").status_code
            for row in range(4)
        ]
    finally:
        aside.rename(folder / "p3.png")
    assert sorted(answers) == [200, 200, 200, 404]


def test_health_and_page(app):
    found = ask(app, "GET", "/api/health").json()
    assert found["task"] == "matching" and found["pictures"] == 4
    assert "search.js" in ask(app, "GET", "/").text
    assert ask(app, "POST", "/api/caption").status_code == 404

"""`imcap serve` for captions: the endpoint and its limits."""

import asyncio
import re
import threading

import keras
import numpy as np
import pytest

import imcap
from helpers.asking import ask, ask_all
from helpers.tiny_pictures import huge_png, picture
from helpers.tiny_runs import CHANNELS, SIZE, make_run
from imcap.serve.limits import Limits
from imcap.vision.networks import small_cnn_metadata

pytest.importorskip("starlette", reason="imcap[serve] is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(0)
    run = make_run(
        tmp_path_factory.mktemp("runs") / "pictures",
        small_cnn_metadata(SIZE, CHANNELS),
        CHANNELS,
        cnntrain=True,
        sgate=True,
    )
    return imcap.load(run.path)


def make_app(model, **limits):
    from imcap.serve.app import build_app

    return build_app(model, Limits(**limits))


@pytest.fixture(scope="module")
def app(model):
    return make_app(model)


def post(app, encoded, query="", **more):
    return ask(app, "POST", f"/api/caption{query}", content=encoded, **more)


@pytest.mark.parametrize(
    "query,decoding",
    [
        ("?method=greedy", {"beam_size": 1}),
        ("?beam_size=1", {"beam_size": 1}),
        ("", {"beam_size": 5}),
        ("?method=beam&beam_size=3", {"beam_size": 3}),
    ],
)
def test_it_says_what_the_command_says(app, model, query, decoding):
    answer = post(app, picture(), query).json()
    (caption,) = answer["captions"]
    expected = model.attention(picture(), **decoding)
    assert caption["caption"] == " ".join(expected.words)
    assert caption["log_probability"] == pytest.approx(
        float(expected.log_probabilities.sum()), abs=1e-3
    )
    assert [one["word"] for one in caption["words"]] == expected.words
    rows, columns = answer["grid"]
    weights = np.array(caption["attention"])
    assert weights.shape == (len(expected.words), rows * columns)
    np.testing.assert_allclose(
        weights,
        expected.attention["weights"][: len(weights)].reshape(weights.shape),
        atol=1e-3,
    )
    shares = [one["share"] for one in caption["words"]]
    sentinel = expected.attention["sentinel"][: len(shares)]
    np.testing.assert_allclose(shares, 1 - sentinel.ravel(), atol=1e-3)
    assert caption["shares"] == ["visual", "sentinel"]


def test_several_beams_come_best_first(app):
    query = "?beam_size=3&captions=3"
    captions = post(app, picture(), query).json()["captions"]
    chances = [one["log_probability"] for one in captions]
    assert len({one["caption"] for one in captions}) == 3
    assert chances == sorted(chances, reverse=True)
    fewer = post(app, picture(), "?beam_size=3&captions=2").json()["captions"]
    assert fewer == captions[:2]


def test_samples_differ_from_call_to_call(app):
    query = "?method=sample&temperature=1.3&captions=5"
    first, second = (post(app, picture(), query).json() for _ in range(2))
    assert len(first["captions"]) == 5
    assert first != second


def test_company_changes_nothing(app):
    seeds = range(7)
    alone = [
        post(app, picture(seed), "?method=greedy").json() for seed in seeds
    ]
    together = ask_all(
        app,
        *(
            ("POST", "/api/caption?method=greedy", {"content": picture(seed)})
            for seed in seeds
        ),
    )
    for one, other in zip(alone, together, strict=True):
        caption, same = one["captions"][0], other.json()["captions"][0]
        assert caption["caption"] == same["caption"]
        np.testing.assert_allclose(
            caption["attention"], same["attention"], atol=2e-4
        )
    assert len({str(one) for one in alone}) > 1


def test_decoders_are_bounded(model):
    from imcap.serve.decoding import parse_setting

    queries = [
        {"method": method, "captions": str(captions), **more}
        for method in ("beam", "greedy", "sample")
        for captions in range(1, 11)
        for more in (
            [{"beam_size": str(n)} for n in (1, 2, 3, 5, 10)]
            if method == "beam"
            else [{"temperature": t} for t in ("0.5", "0.7", "1", "1.0", "1.3")]
        )
    ]
    settings = {parse_setting(query)[0] for query in queries}
    assert len(settings) == 2 * 4 + 1 + 4


@pytest.mark.parametrize(
    "query,reason",
    [
        ("?method=guess", "method must be one of beam, greedy, sample"),
        ("?beam_size=4", "beam_size must be one of 1, 2, 3, 5, 10"),
        ("?beam_size=many", "beam_size must be one of"),
        ("?method=sample&temperature=0.123", "temperature must be one of"),
        ("?method=sample&temperature=nan", "temperature must be one of"),
        ("?captions=0", "captions must be one of"),
        ("?colour=red", "unknown setting 'colour'"),
    ],
)
def test_a_strange_setting(app, query, reason):
    answer = post(app, picture(), query)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    "encoded,status,reason",
    [
        (b"", 400, "nothing was sent"),
        (picture()[:300], 400, "damaged"),
        (picture(kind="JPEG")[:300], 400, "damaged"),
        (b"\x89PNG\r\n\x1a\n", 400, "damaged"),
        (huge_png(65_536), 413, "pixels"),
        (picture(size=(101, 100)), 413, "10,100 pixels; at most 10,000"),
        (picture(size=(101, 100), kind="JPEG"), 413, "10,100 pixels"),
        (b"a word or two", 415, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", 415, "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not a picture"),
        (b"RIFF\x00\x00\x00\x00WAVE", 400, "damaged"),
        (bytes(60_000), 413, "larger than 0.05 MB"),
    ],
)
def test_a_broken_upload(model, encoded, status, reason):
    app = make_app(model, max_megabytes=0.05, max_pixels=10_000)
    answer = post(app, encoded, "?method=greedy")
    assert answer.status_code == status
    assert reason in answer.json()["error"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_usual_formats(app, kind):
    answer = post(app, picture(kind=kind), "?method=greedy")
    assert answer.status_code == 200 and answer.json()["captions"]


def test_what_is_sent_counts_and_not_what_is_told(model):
    app = make_app(model, max_megabytes=0.01)
    sent = []

    async def parts():
        for _ in range(100):
            sent.append(bytes(5_000))
            yield sent[-1]

    assert post(app, parts(), "?method=greedy").status_code == 413
    assert len(sent) <= 4, "it reads no further than it must"


def test_who_is_too_many_is_asked_to_come_again(model):
    app = make_app(model, max_waiting=2)
    one = ("POST", "/api/caption?method=greedy", {"content": picture()})
    answers = ask_all(app, one, one, one)
    assert sorted(a.status_code for a in answers) == [200, 200, 503]
    refused = max(answers, key=lambda answer: answer.status_code)
    assert int(refused.headers["retry-after"]) > 0
    assert "try again" in refused.json()["error"]
    assert post(app, picture(), "?method=greedy").status_code == 200


def test_nobody_waits_for_ever(model):
    app = make_app(model, seconds=0.05)
    free = threading.Event()
    app.state.service.batcher.compute = lambda *_: free.wait(60)
    answer = post(app, picture(), "?method=greedy")
    free.set()
    assert answer.status_code == 503 and "in time" in answer.json()["error"]


def test_an_upload_that_never_ends(model):
    app = make_app(model, seconds=0.05)

    async def parts():
        yield picture()
        await asyncio.Event().wait()

    answer = post(app, parts(), "?method=greedy")
    assert answer.status_code == 408


def test_a_bug_is_no_traceback(model, caplog):
    import httpx

    app = make_app(model)
    app.state.service.batcher.compute = lambda *_: 1 / 0

    async def asked():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            url = "http://localhost/api/caption"
            return await client.post(url, content=picture())

    answer = asyncio.run(asked())
    assert answer.status_code == 500
    assert "division" not in answer.text and "error" in answer.json()


def test_the_page_and_its_files(app):
    page = ask(app, "GET", "/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    script = ask(app, "GET", "/caption.js")
    assert script.headers["content-type"].startswith("text/javascript")
    # The page asks for what there is, and for nothing elsewhere.
    for name in re.findall(r'(?:href|src)="([\w.]+)"', page.text):
        answer = ask(app, "GET", f"/{name}")
        assert answer.status_code == 200, name
        plain = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in plain and "https:" not in plain


@pytest.mark.parametrize(
    "method,path,status",
    [
        ("GET", "/setup.py", 404),
        ("GET", "/../serve.py", 404),
        ("GET", "/%2e%2e/serve.py", 404),
        ("GET", "/api/search", 404),
        ("GET", "/api/caption", 405),
        ("POST", "/", 405),
    ],
)
def test_what_is_not_there(app, method, path, status):
    answer = ask(app, method, path)
    assert answer.status_code == status and answer.json()["error"]


def test_health(app):
    found = ask(app, "GET", "/api/health").json()
    assert found["status"] == "ok" and found["task"] == "captioning"
    assert found["version"] == imcap.__version__
    assert found["limits"] == {"bytes": 16_000_000, "pixels": 25_000_000}

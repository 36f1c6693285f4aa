"""Pages of captions: whole, safe, and true to the weights they draw."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from helpers.reading_pages import PageReader
from imcap.errors import InputError
from imcap.reports.cards import Card, Line, embed_picture, pack_attention
from imcap.reports.page import Page, page_html, script_json, write_page

L, H, K, C = 3, 2, 6, 11
WORDS = ["a", "dog", "runs"]
EVIL = '</script><script>alert(1)</script> & "quoted" <b>\u2028'


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "p.png"
    noise = np.random.default_rng(0).integers(0, 256, (30, 60, 3), "uint8")
    Image.fromarray(noise).save(path)
    return path


def drawn(*shape):
    return np.random.default_rng(1).random(shape)


def card(picture, attention=None, name="p.png", scores=None, words=WORDS):
    return Card(
        name,
        embed_picture(picture),
        [("", [Line(words, attention)])],
        [EVIL],
        scores or {},
        {"grid": [2, 3]},
    )


def page(**more):
    return Page("run", "report", "about", {}, **more)


def test_nothing_can_break_out_of_the_page(picture):
    words = ["</script>", "<img/src=x>", "&amp;", "'\""]
    attention = pack_attention(
        words, {"weights": drawn(4, K), "sentinel": drawn(4)}
    )
    attention["names"] = [EVIL, EVIL]
    one = card(picture, attention, EVIL, {EVIL: 1.0}, words)
    text = page_html(Page(EVIL, EVIL, EVIL, {EVIL: EVIL}, notes=(EVIL,)), [one])
    read = PageReader(text)
    assert read.count("script") == 2 and read.count("b") == 0
    assert read.count("img") == 1
    for word in words:
        assert word in read.cards[0]
    assert read.text.count(EVIL) >= 8
    assert read.data["cards"][0]["scores"] == {EVIL: 1.0}
    assert read.data["cards"][0]["lines"][0]["names"] == [EVIL, EVIL]
    assert "\u2028" not in script_json([EVIL])


def test_nothing_is_fetched(picture):
    text = page_html(page(), [card(picture)])
    read = PageReader(text)
    for _, attributes in read.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"https?://|url\(|@import|import ", text)
    policy = next(a["content"] for n, a in read.elements if "http-equiv" in a)
    assert "default-src 'none'" in policy


def test_words_and_bars(picture):
    attention = {"weights": drawn(L + 1, K), "sentinel": drawn(L + 1)}
    text = page_html(page(), [card(picture, pack_attention(WORDS, attention))])
    read = PageReader(text)
    buttons = [a for n, a in read.elements if a.get("class") == "word"]
    assert len(buttons) == L
    shares = [
        float(a["style"].removeprefix("--share:"))
        for _, a in read.elements
        if a.get("class") == "share"
    ]
    np.testing.assert_allclose(shares, 1 - attention["sentinel"][:L], atol=1e-3)
    assert "visual" in read.text and "sentinel" in read.text


def test_weights_are_kept():
    weights = drawn(L, K, H) ** 3
    found = pack_attention(WORDS, {"weights": weights})
    back = (
        np.array(found["weights"]) / 999 * np.array(found["peaks"])[..., None]
    )
    np.testing.assert_allclose(
        back, np.moveaxis(weights, 2, 1), atol=0.006 * weights.max()
    )
    flat = [v for word in found["weights"] for head in word for v in head]
    assert all(isinstance(value, int) and 0 <= value <= 999 for value in flat)


def test_weights_that_are_no_numbers():
    weights = drawn(L, K)
    weights[1] = np.nan
    found = pack_attention(WORDS, {"weights": weights})
    assert found["weights"][1] == [[0] * K]
    script_json(found).encode()
    assert "NaN" not in script_json(found)


def test_channels():
    channels = drawn(L, C)
    channels[2, 7] = 5.0
    found = pack_attention(WORDS, {"channels": channels})
    assert "weights" not in found and found["total"] == C
    index, times = found["channels"][2][0]
    assert index == 7
    assert times == pytest.approx(5.0 / channels[2].mean(), rel=0.01)
    for row in found["channels"]:
        assert [t for _, t in row] == sorted((t for _, t in row), reverse=True)


@pytest.mark.parametrize("words, parts", [([], {"weights": 0}), (WORDS, {})])
def test_nothing_to_draw(words, parts):
    assert pack_attention(words, parts) is None


def test_pictures_are_shrunk_and_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    image = Image.new("RGB", (900, 300), "white")
    exif = image.getexif()
    exif[274] = 6  # seen upright, it is 300 wide and 900 high
    image.save(path, exif=exif)
    uri, width, height = embed_picture(path)
    assert (width, height) == (149, 448)
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    import base64

    with Image.open(io.BytesIO(base64.b64decode(data))) as inside:
        assert inside.size == (width, height)


def test_scores_without_a_value_are_left_to_the_end(picture):
    one = card(picture, scores={"CIDEr": float("nan"), "Bleu_4": 0.25})
    read = PageReader(page_html(page(sort_by="CIDEr"), [one]))
    assert read.data["cards"][0]["scores"] == {"Bleu_4": 0.25}
    assert read.count("option", value="CIDEr") == 1
    assert "0.250" in read.cards[0]


def test_a_page_is_whole_or_absent(picture, tmp_path):
    bad = Card("p", embed_picture(picture), [("", [Line(None)])], [], {})
    with pytest.raises(TypeError):
        write_page(page(), [bad], tmp_path / "out" / "page.html")
    assert not (tmp_path / "out").exists()
    write_page(page(), [card(picture)], tmp_path / "out" / "page.html")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["page.html"]


def test_broken_picture(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"bad\.png"):
        embed_picture(tmp_path / "bad.png")

"""The page of `imcap report` in a real browser."""

import numpy as np
import pytest
from PIL import Image

from helpers.browser import Console, browser
from imcap.reports.cards import Card, Line, embed_picture, pack_attention
from imcap.reports.page import Page, write_page

pytestmark = pytest.mark.slow

GRID = (4, 6)
WORDS = ["a", "dog", "runs"]
CELLS = [7, 16, 2]  # where each word looks


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page of three white pictures, the second head of each shifted."""
    folder = tmp_path_factory.mktemp("browser")
    Image.new("RGB", (300, 200), "white").save(folder / "white.png")
    weights = np.full((len(WORDS), 24, 2), 0.01)
    for word, cell in enumerate(CELLS):
        weights[word, cell, 0] = 0.8
        weights[word, cell + 1, 1] = 0.5
    attention = {
        "weights": weights,
        "sentinel": np.array([0.9, 0.0, 0.2]),
        "channels": np.random.default_rng(0).random((len(WORDS), 13)),
    }
    cards = [
        Card(
            f"p{number}.png",
            embed_picture(folder / "white.png"),
            [("", [Line(WORDS, pack_attention(WORDS, attention))])],
            ["a cat sits" if number == 1 else "a dog is running"],
            {"CIDEr": value, "rank": number + 1},
            {"grid": list(GRID)},
        )
        for number, value in enumerate([0.5, 2.0, 1.0])
    ]
    page = Page("run", "report", "about", {}, lower_is_better=("rank",))
    write_page(page, cards, folder / "page.html")
    return (folder / "page.html").as_uri()


@pytest.fixture
def page(chromium, address):
    """The page, opened; it must not complain of anything."""
    opened = chromium.new_page(reduced_motion="reduce")
    console = Console(opened)
    opened.goto(address)
    yield opened
    # That reading pixels back is slow is this test's own doing.
    assert [line for line in console.lines if "readback" not in line] == []
    opened.close()


def words(page, row=0):
    return page.locator(f'.card[data-row="{row}"] .word')


def brightest(page, row=0):
    """(cell that is covered least, how much of it is covered, 0..1)."""
    cover = page.evaluate(
        """(row) => {
          const card = document.querySelector(`.card[data-row="${row}"]`);
          const canvas = card.querySelector("canvas");
          const { width, height } = canvas;
          const data = canvas.getContext("2d")
            .getImageData(0, 0, width, height).data;
          return Array.from({ length: width * height },
            (_, place) => data[4 * place + 3] / 255);
        }""",
        row,
    )
    side = round(len(cover) ** 0.5)
    cover = np.array(cover).reshape(side, side)
    down, across = np.unravel_index(cover.argmin(), cover.shape)
    cell = down * GRID[0] // side * GRID[1] + across * GRID[1] // side
    return cell, cover.min()


def shows(page, row=0):
    canvas = page.locator(f'.card[data-row="{row}"] canvas')
    return "lit" in (canvas.get_attribute("class") or "")


def order(page):
    return page.eval_on_selector_all(
        ".card:not([hidden])", "all => all.map((card) => card.dataset.row)"
    )


def test_hovered_words_light_their_place(page):
    assert not shows(page)
    covers = []
    for number, cell in enumerate(CELLS):
        words(page).nth(number).hover()
        assert shows(page) and not shows(page, 1)
        found, cover = brightest(page)
        assert found == cell
        covers.append(cover)
        assert f"“{WORDS[number]}”" in page.locator(".told").first.inner_text()
    # The more of a word comes from the sentinel, the dimmer its light.
    assert covers[1] < covers[2] < covers[0]
    assert "sentinel 20 %" in page.locator(".told").first.inner_text()
    page.locator("h1").hover()
    assert not shows(page)


def test_heads(page):
    page.locator("#head").select_option("2")
    words(page).nth(1).hover()
    assert brightest(page)[0] == CELLS[1] + 1
    words(page).nth(1).click()
    page.locator("#head").select_option("")
    assert brightest(page)[0] == CELLS[1]  # the first head is the stronger


def test_keyboard(page):
    page.locator("#theme").focus()
    page.keyboard.press("Tab")
    assert brightest(page)[0] == CELLS[0]
    page.keyboard.press("ArrowRight")
    assert brightest(page)[0] == CELLS[1]
    page.keyboard.press("Tab")  # one stop a caption
    assert shows(page, 1) and not shows(page)
    page.keyboard.press("Escape")
    assert not shows(page, 1)


def test_taps_stay(chromium, address):
    context = chromium.new_context(has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address)
    words(page).nth(2).tap()
    assert shows(page) and brightest(page)[0] == CELLS[2]
    assert words(page).nth(2).get_attribute("aria-pressed") == "true"
    context.close()


def test_order_and_filter(page):
    assert order(page) == ["0", "1", "2"]
    page.locator("#sort").select_option("CIDEr")
    assert order(page) == ["1", "2", "0"]
    page.locator("#turn").click()
    assert order(page) == ["0", "2", "1"]
    page.locator("#sort").select_option("rank")  # the lower the better
    assert order(page) == ["2", "1", "0"]
    page.locator("#turn").click()
    assert order(page) == ["0", "1", "2"]
    page.locator("#filter").fill("CAT sits")
    assert order(page) == ["1"]
    assert page.locator("#count").inner_text() == "1 of 3"
    page.locator("#filter").fill("zebra")
    assert page.locator("#none").is_visible()


def test_channels(page):
    panel = page.locator(".channels").first
    assert panel.is_visible() and panel.inner_text() == ""
    words(page).nth(0).hover()
    assert panel.locator("div").count() == 8
    assert "mean of 13" in panel.inner_text()


def test_light_and_dark(chromium, address):
    def background(scheme, clicks):
        page = chromium.new_page(color_scheme=scheme)
        page.goto(address)
        for _ in range(clicks):
            page.locator("#theme").click()
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.close()
        return color

    light, dark = background("light", 0), background("dark", 0)
    assert light != dark
    assert background("light", 1) == dark and background("dark", 1) == light
    assert background("light", 2) == light

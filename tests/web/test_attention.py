"""The attention overlay that reports and `imcap serve` share."""

import numpy as np
import pytest

from helpers.browser import Console, browser
from helpers.places import ROOT
from imcap.drawing.maps import apply_heatmap, make_heatmap

pytestmark = pytest.mark.slow

SCRIPT = (ROOT / "imcap" / "web" / "attention.js").read_text(encoding="utf-8")
EXPORTS = "Object.assign(window, { AttentionOverlay, heatmapOf, headWeights });"


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


def opened(chromium, **options):
    """A page that holds nothing but the module, and what it complains of."""
    page = chromium.new_page(**options)
    console = Console(page)
    page.set_content("<canvas class=lit></canvas>")
    page.add_script_tag(content=SCRIPT + EXPORTS, type="module")
    page.wait_for_function("Boolean(window.AttentionOverlay)")
    return page, console


@pytest.fixture
def page(chromium):
    page, console = opened(chromium, reduced_motion="reduce")
    yield page
    assert [line for line in console.lines if "readback" not in line] == []
    page.close()


def heatmap(page, weights, locations, strength=1):
    flat = page.evaluate(
        "([weights, locations, strength]) =>"
        " Array.from(heatmapOf(weights, locations, strength))",
        [np.asarray(weights).tolist(), locations, strength],
    )
    side = round(len(flat) ** 0.5)
    return np.reshape(flat, (side, side))


@pytest.mark.parametrize("grid", [(4, 6), (7, 7), (1, 3)])
def test_grids_are_drawn_as_in_pictures(page, grid):
    weights = np.random.default_rng(3).random(grid[0] * grid[1])
    found = heatmap(page, weights, {"grid": list(grid)})
    expected = make_heatmap(weights, found.shape, grid)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_boxes_are_drawn_as_in_pictures(page):
    boxes = np.array([[0.0, 0.0, 0.5, 1.0], [0.25, 0.5, 1.0, 1.0]])
    weights = np.array([0.1, 0.4])
    found = heatmap(page, weights, {"boxes": boxes.tolist()}, 0.5)
    expected = make_heatmap(weights, found.shape, boxes=boxes)
    np.testing.assert_allclose(found, 0.5 * expected, atol=1e-6)


def test_weights_of_one_head_and_of_their_mean(page):
    packed = {"weights": [[[999, 0], [0, 999]]], "peaks": [[0.5, 0.1]]}
    for head, wanted in ((0, [0.5, 0]), (1, [0, 0.1]), (None, [0.25, 0.05])):
        found = page.evaluate(
            "([packed, head]) => headWeights(packed, 0, head)", [packed, head]
        )
        np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_it_dims_and_glows_as_pictures_do(page):
    weights, grid = [0.0, 0.1, 1.0, 0.2, 0.0, 0.4], (2, 3)
    painted = page.evaluate(
        """([weights, grid]) => {
            const canvas = document.querySelector("canvas");
            const overlay = new AttentionOverlay(canvas);
            overlay.show(weights, { grid });
            const { width, height } = canvas;
            return [...overlay.context.getImageData(0, 0, width, height).data];
        }""",
        [weights, grid],
    )
    side = round((len(painted) / 4) ** 0.5)
    painted = np.reshape(painted, (side, side, 4))
    opacity = painted[..., 3:] / 255
    grey = np.full((side, side, 3), 200.0)
    found = grey * (1 - opacity) + painted[..., :3] * opacity
    expected = apply_heatmap(
        grey, make_heatmap(np.array(weights), grey.shape, grid)
    )
    np.testing.assert_allclose(found, expected, atol=4)
    # The upper right is bright, the lower left is not.
    assert expected[40, 133, 0] > 150 > 100 > expected[120, 80, 0]


def test_it_fades_from_word_to_word(chromium):
    """What is drawn between two words lies between them."""
    page, console = opened(chromium, reduced_motion="no-preference")
    page.evaluate("""() => {
        const overlay = new AttentionOverlay(document.querySelector("canvas"));
        window.painted = [];
        const paint = overlay.paint;
        overlay.paint = function (heatmap) {
            window.painted.push(heatmap[0]);
            paint.call(this, heatmap);
        };
        overlay.show([1, 0], { grid: [1, 2] });
        overlay.show([0, 1], { grid: [1, 2] });
    }""")
    page.wait_for_selector("canvas[data-settled]")
    painted = page.evaluate("window.painted")
    assert painted[0] == pytest.approx(1, abs=0.1)
    assert painted[-1] == pytest.approx(0, abs=0.1)
    assert painted == sorted(painted, reverse=True) and len(painted) > 2
    page.evaluate("""() => {
        const overlay = new AttentionOverlay(document.querySelector("canvas"));
        overlay.show([0, 1], { grid: [1, 2] });
        overlay.clear();
    }""")
    assert page.locator("canvas.lit").count() == 0
    assert console.lines == []
    page.close()

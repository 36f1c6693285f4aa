"""The pages of `imcap serve` in a real browser."""

import keras
import numpy as np
import pytest
from PIL import Image

import imcap
from helpers.browser import Console, browser
from helpers.tiny_pictures import picture
from helpers.tiny_runs import CHANNELS, SIZE, make_match_run, make_run
from imcap.vision.networks import small_cnn_metadata

pytest.importorskip("starlette", reason="imcap[serve] is not installed")

pytestmark = pytest.mark.slow

# The pages forbid `eval`, so tests wait for selectors and not for expressions.
LOADED = "#model:not(:empty)"


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory, chromium):
    from imcap.serve.app import build_app

    keras.utils.set_random_seed(0)
    run = make_run(
        tmp_path_factory.mktemp("runs") / "holiday",
        small_cnn_metadata(SIZE, CHANNELS),
        CHANNELS,
        cnntrain=True,
        sgate=True,
    )
    return build_app(imcap.load(run.path))


@pytest.fixture(scope="module")
def address(app):
    from helpers.serving import served

    with served(app) as address:
        yield address


@pytest.fixture(scope="module")
def search_address(tmp_path_factory, chromium):
    from helpers.serving import served
    from imcap.serve.app import build_app
    from imcap.serve.search import FolderSearch

    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        (folder / f"p{number}.png").write_bytes(picture(number))
    run = make_match_run(tmp_path_factory.mktemp("search"))
    search = FolderSearch(imcap.load(run.path), folder)
    with served(build_app(search)) as address:
        yield address


@pytest.fixture
def files(tmp_path):
    """Pictures to upload: a good one, one lying on its side, a broken one."""
    (tmp_path / "good.png").write_bytes(picture(size=(60, 40)))
    (tmp_path / "broken.png").write_bytes(picture()[:300])
    turned = Image.Exif()
    turned[274] = 6
    blank = Image.fromarray(np.full((40, 80, 3), 200, "uint8"))
    blank.save(tmp_path / "turned.jpg", exif=turned)
    return tmp_path


def opened(chromium, address, **options):
    """A page that has loaded, and what it complains of."""
    page = chromium.new_context(**options).new_page()
    console = Console(page)
    page.goto(address)
    page.wait_for_selector(LOADED)
    return page, console


def upload(page, path):
    """Chooses a picture; waits for its captions."""
    page.set_input_files("#file", path)
    page.wait_for_selector(".word")


def drawn(page, canvas="#attention"):
    """What is on a canvas, once its movement has ended."""
    page.wait_for_selector(f"{canvas}.lit[data-settled] >> nth=0")
    return page.eval_on_selector(canvas, "canvas => canvas.toDataURL()")


def test_a_picture_is_captioned_and_its_words_light_up(
    chromium, address, files
):
    page, console = opened(chromium, address)
    assert page.text_content("#model") == "holiday"
    upload(page, files / "good.png")
    assert page.locator(".caption").count() == 3
    words = page.locator(".caption >> nth=0 >> .word")
    assert page.locator("#attention.lit").count() == 0
    seen = []
    for place in range(2):
        words.nth(place).hover()
        seen.append(drawn(page))
        assert page.text_content("#word") == words.nth(place).text_content()
    assert seen[0] != seen[1], "each word has its own light"
    assert "visual" in page.text_content("#seen")
    assert "sentinel" in page.text_content("#other")
    page.mouse.move(1, 1)
    page.wait_for_selector("#attention:not(.lit)", state="attached")
    assert console.lines == []


def test_what_covers_the_picture_has_its_size(chromium, address, files):
    page, _ = opened(chromium, address)
    for name, ratio in (("good.png", 60 / 40), ("turned.jpg", 40 / 80)):
        upload(page, files / name)
        page.wait_for_selector(f'#shown[style*="--ratio: {ratio};"]')
        page.locator(".word >> nth=0").hover()
        boxes = [
            page.locator(one).bounding_box()
            for one in ("#picture", "#attention")
        ]
        assert boxes[0] == boxes[1]
        box = boxes[0]
        assert box["width"] / box["height"] == pytest.approx(ratio, rel=0.02)


def test_a_keyboard_is_enough(chromium, address, files):
    page, console = opened(chromium, address)
    upload(page, files / "good.png")
    page.focus(".word >> nth=0")
    page.keyboard.press("ArrowRight")
    words = page.locator(".caption >> nth=0 >> .word")
    assert page.text_content("#word") == words.nth(1).text_content()
    page.keyboard.press("Enter")
    assert words.nth(1).get_attribute("aria-pressed") == "true"
    page.keyboard.press("Home")
    assert page.text_content("#word") == words.nth(0).text_content()
    page.keyboard.press("Escape")
    assert words.nth(1).get_attribute("aria-pressed") is None
    assert console.lines == []


def test_other_ways_to_decode(chromium, address, files):
    page, console = opened(chromium, address)
    upload(page, files / "good.png")
    page.click("label[for=greedy]")
    page.wait_for_selector(".caption:only-child")
    page.click("label[for=sample]")
    page.wait_for_selector(".caption:nth-child(5)")
    assert page.is_visible("#temperature") and page.is_hidden("#beam_size")
    assert console.lines == []


def test_a_broken_upload_and_a_good_one_after_it(chromium, address, files):
    page, _ = opened(chromium, address)
    upload(page, files / "good.png")
    page.set_input_files("#file", files / "broken.png")
    page.wait_for_selector("#error:not([hidden])")
    assert "broken.png" in page.text_content("#error")
    assert "damaged" in page.text_content("#error")
    assert page.is_visible("#invitation") and page.is_hidden("#shown")
    assert page.locator(".caption").count() == 0
    upload(page, files / "good.png")
    assert page.is_hidden("#error") and page.is_visible("#shown")


def test_too_large_a_file_is_not_even_sent(chromium, address, files, app):
    (files / "large.png").write_bytes(picture() + bytes(16_000_000))
    page, console = opened(chromium, address)
    page.set_input_files("#file", files / "large.png")
    page.wait_for_selector("#error:not([hidden])")
    assert "larger than 16 MB" in page.text_content("#error")
    assert console.lines == [], "the server was not asked"


def test_dropped_and_pasted(chromium, address):
    page, console = opened(chromium, address)
    for kind, holder in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        page.evaluate(
            """async ([kind, holder]) => {
                const canvas = document.createElement("canvas");
                canvas.width = canvas.height = 40;
                const blob = await new Promise((done) => canvas.toBlob(done));
                const given = new DataTransfer();
                given.items.add(new File([blob], `${kind}.png`));
                const event = kind === "drop"
                    ? new DragEvent(kind, { [holder]: given })
                    : new ClipboardEvent(kind, { [holder]: given });
                document.dispatchEvent(event);
            }""",
            [kind, holder],
        )
        page.wait_for_selector(".word")
        page.reload()
        page.wait_for_selector(LOADED)
    assert console.lines == []


def test_on_a_phone(chromium, address, files):
    page, console = opened(
        chromium, address, viewport={"width": 360, "height": 740},
        has_touch=True, is_mobile=True,
    )  # fmt: skip
    assert page.is_visible("label.camera")
    assert page.get_attribute("#camera", "capture") == "environment"
    upload(page, files / "good.png")
    word = page.locator(".word >> nth=1")
    word.tap()
    assert drawn(page) and page.is_visible("#word")
    assert word.get_attribute("aria-pressed") == "true"
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, "nothing sticks out to the side"
    assert console.lines == []


def test_search(chromium, search_address):
    page, console = opened(chromium, search_address)
    page.fill("#question", "a dog runs zebra")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result")
    assert page.locator(".result").count() == 3
    widths = page.eval_on_selector_all(
        ".result img",
        """async (pictures) => Promise.all(pictures.map(async (picture) => {
            await picture.decode();
            return picture.naturalWidth;
        }))""",
    )
    assert widths == [50, 50, 50]
    words = page.locator(".word")
    assert "unknown" in words.nth(3).get_attribute("class")
    seen = []
    for place in (1, 2):
        words.nth(place).hover()
        seen.append(drawn(page, ".result canvas"))
    assert seen[0] != seen[1]
    assert console.lines == []
    page.fill("#question", "zebra quagga")
    page.keyboard.press("Enter")
    page.wait_for_selector("#error:not([hidden])")
    assert "none of these words" in page.text_content("#error")
    assert page.locator(".result").count() == 0

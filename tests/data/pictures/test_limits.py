"""Large pictures: limits, and JPEG decoded at a fraction of its size."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_pictures import huge_png
from imcap.data.pictures import decoding, limits, pillow_decoding
from imcap.data.pictures.encoded import picture_size, read_encoded
from imcap.data.pictures.limits import MAX_PIXELS, pixels_up_to, reduction
from imcap.data.pictures.silence import pillow_limit
from imcap.errors import InputError

ROADS = [decoding, pillow_decoding]
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"


def smooth(width, height):
    """Colours that change slowly: an RGB picture."""
    small = Image.fromarray(
        np.array(
            [[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250] * 3]], "uint8"
        )
    )
    return small.resize((width, height), Image.Resampling.BILINEAR)


def jpeg(width, height, mode="RGB", **options):
    target = io.BytesIO()
    smooth(width, height).convert(mode).save(target, "JPEG", **options)
    return target.getvalue()


@pytest.fixture
def low_limits(monkeypatch):
    """Limits that small pictures exceed: 10,000 pixels, 80,000 of JPEG."""
    monkeypatch.setattr(limits, "MAX_PIXELS", 10_000)
    monkeypatch.setattr(limits, "JPEG_PIXELS", 80_000)
    monkeypatch.setattr(limits, "ENOUGH", 16)
    monkeypatch.setattr(limits, "_limit", 10_000)


@pytest.mark.parametrize(
    "size,divisor",
    [
        ((9_000, 9_000), 1),
        ((8_192, 10_923), 8),  # a side of 1,024 stays
        ((8_191, 10_925), 4),
        ((12_000, 9_000), 8),
        ((16_320, 12_240), 8),  # 200 MP
        ((100_000, 1_500), 2),  # a panorama keeps its height
        ((400_000, 1_500), 4),
        ((65_535, 65_535), 8),
    ],
)
def test_reduction(size, divisor):
    assert reduction(*size) == reduction(*size[::-1]) == divisor


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("road", ROADS)
def test_large_jpeg_is_decoded_smaller(road, mode, low_limits, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(303, 202, mode, quality=95))
    with Image.open(io.BytesIO(read_encoded(path))) as image:
        assert image.size == (38, 26)
    pixels = np.asarray(road.load_pixels(path, 20, 30), "float32")
    whole = Image.open(path).convert("RGB").resize((30, 20))
    assert np.abs(pixels - np.asarray(whole)).mean() < 6
    assert picture_size(path) == (303, 202)


@pytest.mark.parametrize("road", ROADS)
def test_large_jpeg_is_turned(road, low_limits):
    pixels = road.load_pixels(jpeg(303, 202, exif=TURNED), 30, 20)
    expected = road.load_pixels(smooth(90, 60).rotate(-90, expand=True), 30, 20)
    difference = np.asarray(pixels, "float32") - expected
    assert np.abs(difference).mean() < 6


def test_picture_object_of_a_large_jpeg(low_limits):
    with Image.open(io.BytesIO(jpeg(303, 202))) as image:
        encoded = read_encoded(image)
    with Image.open(io.BytesIO(encoded)) as small:
        assert small.size == (38, 26)


@pytest.mark.parametrize("road", ROADS)
def test_limits_are_named_with_their_flag(road, low_limits, tmp_path):
    png = io.BytesIO()
    smooth(101, 100).save(png, "PNG")
    for name, content, limit in (
        ("a.png", png.getvalue(), "10100 pixels, the limit is 10000"),
        ("a.jpg", jpeg(401, 200), "80200 pixels, the limit is 80000"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: {limit}; raise --max_p"):
            road.load_pixels(tmp_path / name, 8, 8)
        with pixels_up_to(90_000):
            assert road.load_pixels(tmp_path / name, 8, 8).shape == (8, 8, 3)
        with pytest.raises(InputError, match="the limit is 5000"):
            road.load_pixels(tmp_path / name, 8, 8, max_pixels=5_000)


def test_a_raised_limit_holds_for_large_png(low_limits):
    png = io.BytesIO()
    smooth(303, 202).save(png, "PNG")
    small = read_encoded(png.getvalue(), 90_000)
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (38, 26)
    found = decoding.load_pixels(png.getvalue(), 20, 30, 90_000)
    whole = smooth(303, 202).resize((30, 20))
    assert np.abs(found - np.asarray(whole)).mean() < 6


def test_pillows_own_limit_is_none_of_ours():
    """15,000 pixels squared, 225 MP, are more than Pillow opens by itself."""
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError, match="damaged"):
        read_encoded(huge_png(15_000), 300_000_000)
    with pytest.raises(InputError, match="--max_pixels"):
        read_encoded(huge_png(15_000))
    assert before == Image.MAX_IMAGE_PIXELS


def test_limits_of_several_threads():
    before = Image.MAX_IMAGE_PIXELS
    inside, leave = threading.Event(), threading.Event()

    def wait():
        with pillow_limit.raised_to(8 * before):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=wait)
    thread.start()
    assert inside.wait(10)
    with pillow_limit.raised_to(6 * before):
        assert 4 * before == Image.MAX_IMAGE_PIXELS
        leave.set()
        thread.join()
        assert 3 * before == Image.MAX_IMAGE_PIXELS
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_limit_of_nothing():
    refused = pytest.raises(InputError, match="--max_pixels starts from 1")
    with refused, pixels_up_to(0):
        pass
    assert limits.pixel_limit() == MAX_PIXELS

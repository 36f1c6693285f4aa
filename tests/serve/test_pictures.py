"""`imcap.serve.pictures`: uploads before anything decodes them."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_pictures import huge_png, picture, png_chunk, png_of
from imcap.data.pictures.decoding import load_pixels
from imcap.serve import pictures as serve_pictures
from imcap.serve.limits import Limits, Refused


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_large_pictures_are_shrunk_first(monkeypatch, mode):
    side = 8
    monkeypatch.setattr(serve_pictures, "MOST_WHOLE", 1000)
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (8, 8, 3), "uint8"))
    smooth = smooth.resize((216, 170), Image.Resampling.BICUBIC)
    target = io.BytesIO()
    smooth.convert(mode).save(target, "PNG")
    encoded = target.getvalue()
    small = serve_pictures.check_upload(encoded, Limits(), side)
    assert small.size == (36, 34)
    found = load_pixels(small, side, side)
    expected = load_pixels(encoded, side, side)
    assert np.abs(found - expected).mean() < 2


def test_a_large_picture_of_twelve_bits_in_sixteen(monkeypatch):
    monkeypatch.setattr(serve_pictures, "MOST_WHOLE", 1000)
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 4096, (5, 6, 3)).repeat(20, 0).repeat(30, 1)
    encoded = png_of(samples)
    small = serve_pictures.check_upload(encoded, Limits(), 8)
    assert small.size == (36, 34)
    found = load_pixels(small, 8, 8)
    expected = load_pixels(encoded, 8, 8)
    assert np.abs(found - expected).mean() < 4
    assert found.mean() > 100


def test_a_png_with_damaged_text_is_taken():
    samples = np.random.default_rng(2).integers(0, 256, (12, 16, 3))
    text = png_chunk(b"tEXt", b"a\0b", broken=True)
    encoded = png_of(samples, 8, before=[text])
    taken = serve_pictures.check_upload(encoded, Limits(), 8)
    np.testing.assert_array_equal(load_pixels(taken, 12, 16), samples)


def test_a_jpeg_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(serve_pictures, "MOST_WHOLE", 1000)
    encoded = picture(kind="JPEG")
    assert serve_pictures.check_upload(encoded, Limits(), 8) is encoded


def test_what_pillow_calls_a_bomb_is_too_large():
    with pytest.raises(Refused) as refused:
        serve_pictures.check_upload(
            huge_png(65_536), Limits(max_pixels=10**12), 8
        )
    assert refused.value.status == 413

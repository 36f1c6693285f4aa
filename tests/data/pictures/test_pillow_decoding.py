"""Pixels through Pillow: those of TensorFlow, to a rounding."""

import numpy as np
import pytest
from PIL import Image

from helpers.exporting import encoded
from helpers.places import SHARED
from imcap.data.pictures import decoding, pillow_decoding
from imcap.errors import InputError

EDGES = SHARED / "data" / "edge_images"


def both(picture, height=64, width=48):
    """Pixels by both ways, or the message of the error."""
    answers = []
    for module in (decoding, pillow_decoding):
        try:
            pixels = module.load_pixels(picture, height, width)
            answers.append(np.asarray(pixels, "float32"))
        except InputError as error:
            answers.append(str(error))
    return answers


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_made_pictures(kind):
    ours, theirs = both(encoded(kind, 3))
    assert ours.shape == theirs.shape == (64, 48, 3)
    assert np.abs(ours - theirs).max() <= 1.01


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16", "P", "1"])
def test_modes(mode, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (90, 70, 4), "uint8")
    if mode == "I;16":
        image = Image.fromarray(values[..., 0].astype("uint16") * 257)
    else:
        image = Image.fromarray(values).convert(mode)
    image.save(tmp_path / "a.png")
    ours, theirs = both(tmp_path / "a.png")
    assert np.abs(ours - theirs).max() <= 1.51


@pytest.mark.skipif(not EDGES.is_dir(), reason="no shared pictures here")
def test_edge_images():
    files = sorted(path for path in EDGES.iterdir() if path.is_file())
    refused = 0
    for path in files:
        ours, theirs = both(path)
        if isinstance(ours, str):
            assert theirs == ours
            refused += 1
        else:
            assert np.abs(ours - theirs).max() <= 1.51, path
    assert 0 < refused < len(files)


def test_thumbnail_keeps_the_shape(tmp_path):
    Image.new("RGB", (600, 300)).save(tmp_path / "a.png")
    found = pillow_decoding.load_thumbnail(tmp_path / "a.png", 100)
    assert found.shape == (50, 100, 3) and found.dtype == np.uint8

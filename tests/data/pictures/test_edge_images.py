"""Awkward real files become what a person would expect, or a reason."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from helpers.places import SHARED
from imcap.data.pictures.decoding import (
    check_image,
    decode_image,
    load_pixels,
    read_encoded,
)
from imcap.errors import InputError

EDGE = SHARED / "data" / "edge_images"
needs_edge = pytest.mark.skipif(
    not EDGE.is_dir(), reason="../shared/data/edge_images is absent"
)

# Every file of the folder: what a person would expect of it.
GOOD = {
    "1_trns.png": (64, 64),
    "hopper.gif": (128, 128),
    "hopper.jpg": (128, 128),
    "hopper.png": (128, 128),
    "hopper.webp": (128, 128),
    "hopper_16bit.pgm": (128, 128),
    "hopper_bad_exif.jpg": (500, 500),
    "hopper_gray.jpg": (128, 128),
    "hopper_orientation_3.jpg": (128, 128),
    "hopper_orientation_6.jpg": (128, 128),
    "hopper_orientation_8.jpg": (128, 128),
    "pil_sample_cmyk.jpg": (100, 100),
    "transparent.png": (150, 200),
}
BAD = {
    "LICENSE.Pillow": "not a picture",
    "broken.png": "not a picture",
    "broken_data_stream.png": "damaged",
    "decompression_bomb.gif": "pixels",
    "pngtest_bad.png.bin": "not a picture",
    "truncated_image.png": "damaged",
    "truncated_jpeg.jpg": "damaged",
}


def decode_file(path):
    return decode_image(tf.constant(read_encoded(path))).numpy()


def test_every_edge_file_is_in_the_table():
    if not EDGE.is_dir():
        pytest.skip("../shared/data/edge_images is absent")
    assert {path.name for path in EDGE.iterdir()} == GOOD.keys() | BAD.keys()


@needs_edge
@pytest.mark.parametrize("name", GOOD)
def test_good_edge_file_equals_pillow(name):
    with Image.open(EDGE / name) as image:
        # Pillow warns of the damage in one file's EXIF on purpose.
        turned = image if "bad_exif" in name else ImageOps.exif_transpose(image)
        turned.load()
    if turned.mode == "I":
        grey = np.round(np.asarray(turned) / 257).astype("uint8")
        turned = Image.fromarray(grey)
    if turned.mode in ("1", "RGBA"):
        turned = turned.convert("RGBA")
        paper = Image.new("RGBA", turned.size, "white")
        turned = Image.alpha_composite(paper, turned)
    expected = np.asarray(turned.convert("RGB")).astype(int)
    pixels = decode_file(EDGE / name)
    assert pixels.shape == (*GOOD[name], 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - expected).max() <= 1


@needs_edge
@pytest.mark.parametrize("name", BAD)
def test_bad_edge_file_is_refused_with_its_reason(name):
    assert BAD[name] in check_image(EDGE / name)
    with pytest.raises(InputError, match=name):
        load_pixels(EDGE / name, 8, 8)


@needs_edge
@pytest.mark.parametrize(
    "name",
    ["hopper.jpg", "hopper.gif", "hopper.webp"]
    + [f"hopper_orientation_{number}.jpg" for number in (3, 6, 8)],
)
def test_one_person_in_all_formats(name):
    png = decode_file(EDGE / "hopper.png").astype(int)
    other = decode_file(EDGE / name)
    assert np.abs(png - other).mean() < 6
    # A turned picture would be far away.
    assert np.abs(png - other[::-1, ::-1]).mean() > 40


@needs_edge
@pytest.mark.parametrize("name", ["hopper_gray.jpg", "hopper_16bit.pgm"])
def test_grey_is_the_brightness_of_the_colour(name):
    png = decode_file(EDGE / "hopper.png") @ np.array([0.299, 0.587, 0.114])
    grey = decode_file(EDGE / name)
    assert (grey[..., 0] == grey[..., 2]).all()
    assert np.abs(png - grey[..., 0]).mean() < 3

"""Arrays become the picture that is meant, or are refused."""

import io

import numpy as np
import pytest
from PIL import Image

from imcap.data.pictures.arrays import as_pixels, as_rgb, as_uint8
from imcap.data.pictures.encoded import read_encoded
from imcap.errors import InputError


def noise(shape=(7, 9, 3), low=0, high=256):
    """Numbers of a whole range: its ends are among them."""
    values = np.random.default_rng(0).integers(low, high, shape)
    values.flat[:2] = low, high - 1
    return values.astype("uint8")


PLAIN = noise()


@pytest.mark.parametrize(
    "same",
    [
        PLAIN.astype("int64"),
        PLAIN.astype("float32"),
        PLAIN / 255.0,
        (PLAIN / 255.0).astype("float32"),
        PLAIN / 127.5 - 1.0,
        (PLAIN / 127.5 - 1.0).astype("float32"),
        PLAIN.astype("uint16") * 257,
        PLAIN.astype("float32") * 257,
        np.moveaxis(PLAIN / 127.5 - 1.0, 2, 0),
        np.moveaxis(PLAIN, 2, 0),
        PLAIN.tolist(),
        PLAIN[:, ::-1][:, ::-1],
    ],
    ids=lambda array: f"{np.asarray(array).dtype} {np.shape(array)}",
)
def test_one_picture_in_every_range(same):
    np.testing.assert_array_equal(as_pixels(same, "picture"), PLAIN)


def test_half_precision_is_near():
    for values in (PLAIN / 255.0, PLAIN / 127.5 - 1.0):
        found = as_pixels(values.astype("float16"), "picture")
        assert np.abs(found.astype(int) - PLAIN).max() <= 1


def test_types_of_other_libraries():
    import tensorflow as tf

    signed = tf.constant(PLAIN / 127.5 - 1.0, tf.bfloat16)
    found = as_pixels(signed, "picture")
    assert np.abs(found.astype(int) - PLAIN).max() <= 2
    np.testing.assert_array_equal(as_pixels(tf.constant(PLAIN), "x"), PLAIN)


@pytest.mark.parametrize(
    "shape, expected",
    [
        ((5, 6), (5, 6)),
        ((5, 6, 1), (5, 6)),
        ((1, 5, 6), (5, 6)),
        ((4, 5, 6), (5, 6, 4)),
        ((3, 6, 4), (3, 6, 4)),
        ((3, 3, 3), (3, 3, 3)),
        ((1, 6, 3), (1, 6, 3)),
    ],
)
def test_channels_are_found(shape, expected):
    assert as_pixels(noise(shape), "picture").shape == expected


def test_masks_are_black_and_white():
    mask = np.array([[True, False], [False, True]])
    assert as_pixels(mask, "mask").tolist() == [[255, 0], [0, 255]]


@pytest.mark.parametrize(
    "values, reason",
    [
        (noise((8, 9, 2)), r"not a picture.*\(C, H, W\)"),
        (noise((2, 8, 9)), "not a picture"),
        (noise((4, 5, 2)), "not a picture"),
        (noise((1, 7, 9, 3)), "not a picture.*one picture at a time"),
        (noise((7,)), "not a picture"),
        (np.zeros((0, 5, 3)), ".*empty"),
        (np.zeros((5, 0, 3)), ".*empty"),
        (np.array([["a"]]), "not a picture"),
        (np.zeros((4, 5, 3), "complex64"), "not a picture"),
        ([[1, 2], [3]], "not an array"),
        (None, "not a picture"),
    ],
)
def test_shapes_that_are_none(values, reason):
    with pytest.raises(InputError, match=f"mine: {reason}"):
        as_pixels(values, "mine")


MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize(
    "values, reason",
    [
        ((PLAIN / 255.0 - MEAN) / DEVIATION, "undo a normalisation"),
        (PLAIN - np.array([104.0, 117.0, 124.0]), "undo a normalisation"),
        (PLAIN / 255.0 * 1.1 - 0.05, r"np\.clip"),
        (PLAIN / 255.0 - 0.3, r"np\.clip"),
        (PLAIN * 1.5, "from 0 to 382.5"),
        (PLAIN / 255.0 * 2.5, "from 0 to 2.5"),
        (PLAIN.astype("int16") - 128, "from -128 to 127"),
        (PLAIN.astype("int64") * 1000, "from 0 to 2.55e"),
        (np.where(PLAIN > 99, np.nan, 0.5), "NaN"),
        (np.where(PLAIN > 99, np.inf, 0.5), "infinite"),
    ],
    ids=[
        "standardised", "less the mean", "overshot", "around 0", "too bright",
        "too dark", "signed bytes", "too large", "nan", "infinite",
    ],
)  # fmt: skip
def test_ranges_that_may_be_several_things(values, reason):
    with pytest.raises(InputError, match=f"mine: .*{reason}"):
        as_pixels(values, "mine")


def test_a_batch_is_of_one_range():
    """Its brightest picture alone would look like 0..1."""
    signed = np.stack([np.full((4, 4, 3), -1.0), np.full((4, 4, 3), 0.9)])
    found = as_uint8(signed, "batch")
    assert found[0].max() == 0 and found[1].min() == 242


def test_rgb_of_everything():
    grey, clear = noise((5, 6)), noise((5, 6, 4))
    clear[..., 3] = 0
    assert (as_rgb(grey, "grey") == grey[..., None]).all()
    assert (as_rgb(clear, "clear") == 255).all()
    np.testing.assert_array_equal(as_rgb(PLAIN, "plain"), PLAIN)


def test_pillows_floats_have_the_same_ranges():
    grey = noise((7, 9))
    for values in (grey / 127.5 - 1.0, grey / 255.0, grey * 1.0):
        image = Image.fromarray(values.astype("float32"))
        with Image.open(io.BytesIO(read_encoded(image))) as found:
            np.testing.assert_array_equal(np.asarray(found)[..., 0], grey)
    odd = Image.fromarray((grey / 50.0 - 2.0).astype("float32"))
    with pytest.raises(InputError, match="9 x 7 pixels: numbers from -2"):
        read_encoded(odd)


def test_a_shut_file_is_damaged(tmp_path):
    Image.fromarray(PLAIN).save(tmp_path / "a.png")
    image = Image.open(tmp_path / "a.png")
    image.close()
    with pytest.raises(InputError, match="damaged"):
        read_encoded(image)


@pytest.mark.parametrize("value", [None, 7, float("nan"), {"a": 1}])
def test_what_is_no_picture_is_shown(value):
    with pytest.raises(InputError, match=f"{value}.*: not a picture"):
        read_encoded(value)

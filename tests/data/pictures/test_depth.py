"""Samples of more than 8 bits are as bright as their data's depth says."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers.tiny_pictures import png_chunk, png_of, tiff_of
from imcap.data.pictures import decoding, pillow_decoding
from imcap.data.pictures.decoding import decode_image, load_pixels
from imcap.data.pictures.depth import to_eight_bits, white_level
from imcap.data.pictures.remarks import remarks

SIDE = (12, 16)
DEPTHS = (8, 10, 12, 14, 16)


@pytest.fixture(autouse=True)
def nothing_guessed():
    """Notes of one test are not those of another."""
    remarks.take()
    yield
    remarks.take()


def samples_of(bits, channels=1, seed=0):
    """Integers (12, 16, C) that reach the largest of so many bits."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 2**bits, (*SIDE, channels))
    samples[0, 0], samples[-1, -1] = 0, 2**bits - 1
    return samples


def expected_of(samples, bits):
    """Pixels (12, 16, 3) on white, by floating point."""
    color = samples[..., :-1] if samples.shape[2] in (2, 4) else samples
    scaled = np.rint(color * 255.0 / (2**bits - 1))
    if color is not samples:
        alpha = np.rint(samples[..., -1:] * 255.0 / (2**bits - 1)) / 255
        scaled = scaled * alpha + 255 * (1 - alpha)
    return np.broadcast_to(scaled, (*SIDE, 3))


def roads(encoded):
    """Pixels of a file by every road that takes it: name -> array."""
    found = {
        "full": load_pixels(encoded, *SIDE),
        "Pillow": pillow_decoding.load_pixels(encoded, *SIDE),
    }
    if encoded.startswith(b"\x89PNG"):
        found["graph"] = decode_image(tf.constant(encoded)).numpy()
    return {name: np.asarray(one, "float64") for name, one in found.items()}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", DEPTHS)
def test_png(bits, channels):
    samples = samples_of(bits, channels)
    for road, pixels in roads(png_of(samples)).items():
        worst = np.abs(pixels - expected_of(samples, bits)).max()
        assert worst <= (0 if channels in (1, 3) else 1), road


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bits", DEPTHS)
def test_tiff(bits, channels, order, packed):
    samples = samples_of(bits, channels)
    encoded = tiff_of(samples, order=order, packed=packed)
    for road, pixels in roads(encoded).items():
        worst = np.abs(pixels - expected_of(samples, bits)).max()
        assert worst <= (0 if channels in (1, 3) else 1), road


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", DEPTHS)
def test_netpbm(bits, channels):
    samples = samples_of(bits, channels)
    letter = "5" if channels == 1 else "6"
    header = f"P{letter}\n# made\n16 12\n65535\n".encode()
    for road, pixels in roads(header + samples.astype(">u2").tobytes()).items():
        np.testing.assert_array_equal(pixels, expected_of(samples, bits), road)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "int64"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_arrays(bits, dtype):
    samples = samples_of(bits, 3).astype(dtype)
    pixels = load_pixels(samples, *SIDE)
    np.testing.assert_array_equal(pixels, expected_of(samples, bits))
    image = Image.fromarray(samples_of(bits)[..., 0].astype("uint16"))
    np.testing.assert_array_equal(
        load_pixels(image, *SIDE), expected_of(samples_of(bits), bits)
    )


def test_picture_object_that_is_not_loaded(tmp_path):
    samples = samples_of(12, 3)
    (tmp_path / "a.png").write_bytes(png_of(samples))
    with Image.open(tmp_path / "a.png") as image:
        pixels = load_pixels(image, *SIDE)
        np.testing.assert_array_equal(pixels, expected_of(samples, 12))
        upper = np.asarray(image)
    np.testing.assert_array_equal(upper, samples >> 8)  # usable as before


@pytest.mark.parametrize("channels", [1, 3])
def test_one_transparent_value(channels):
    samples = samples_of(12, channels)
    key = struct.pack(f">{channels}H", *samples[3, 4])
    encoded = png_of(samples, before=[png_chunk(b"tRNS", key)])
    expected = expected_of(samples, 12).copy()
    expected[(samples == samples[3, 4]).all(axis=2)] = 255
    for road, pixels in roads(encoded).items():
        np.testing.assert_array_equal(pixels, expected, road)


def test_opaque_alpha_of_another_depth():
    samples = samples_of(12, 4)
    samples[..., 3] = 65_535
    expected = expected_of(samples[..., :3], 12)
    for road, pixels in roads(png_of(samples)).items():
        np.testing.assert_array_equal(pixels, expected, road)


@pytest.mark.parametrize("declared", [10, 12, 14, 16])
def test_declared_depth_counts(declared):
    """A dark picture stays dark where its file says the depth."""
    samples = samples_of(9, 3)
    chunk = png_chunk(b"sBIT", bytes([declared] * 3))
    text = png_chunk(b"tEXt", b"a\0b")
    expected = expected_of(samples, declared)
    for road, pixels in roads(png_of(samples, before=[text, chunk])).items():
        np.testing.assert_array_equal(pixels, expected, road)
    if declared < 16:
        encoded = tiff_of(samples[..., :1], tags=[(281, 2**declared - 1)])
        pixels = load_pixels(encoded, *SIDE)
        np.testing.assert_array_equal(pixels, expected[..., :1] + [0, 0, 0])
    assert not remarks.take()


def test_declared_depth_of_data_that_was_scaled():
    """As the format wants it: 12 bits that fill 16."""
    samples = samples_of(12, 3) * 16
    chunk = png_chunk(b"sBIT", bytes([12] * 3))
    for road, pixels in roads(png_of(samples, before=[chunk])).items():
        np.testing.assert_array_equal(pixels, expected_of(samples, 16), road)
    assert not remarks.take()


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"\x11\x40\xff"])
def test_senseless_declarations(content):
    samples = samples_of(12, 3)
    encoded = png_of(samples, before=[png_chunk(b"sBIT", content)])
    for road, pixels in roads(encoded).items():
        np.testing.assert_array_equal(pixels, expected_of(samples, 12), road)


def test_samples_of_twelve_bits():
    samples = samples_of(9)
    pixels = load_pixels(tiff_of(samples, bits=12), *SIDE)
    np.testing.assert_array_equal(pixels, expected_of(samples, 12))
    header = b"P5\n16 12\n4095\n"
    pixels = load_pixels(header + samples.astype(">u2").tobytes(), *SIDE)
    assert np.abs(pixels - expected_of(samples, 12)).max() <= 1
    pixels = load_pixels(
        b"P6\n16 12\n4095\n" + samples_of(9, 3).astype(">u2").tobytes(), *SIDE
    )
    assert np.abs(pixels - expected_of(samples_of(9, 3), 12)).max() <= 1
    assert not remarks.take()


def test_jpeg_2000_says_its_depth(tmp_path):
    samples = samples_of(12)[..., 0].astype("uint16")
    path = tmp_path / "a.jp2"
    Image.fromarray(samples * 16).save(path, irreversible=False)
    pixels = load_pixels(path, *SIDE)
    assert np.abs(pixels - expected_of(samples_of(12), 12)).max() <= 1


def test_thirty_two_bits(tmp_path):
    samples = samples_of(32)[..., 0]
    path = tmp_path / "a.tif"
    Image.fromarray((samples >> 1).astype("int32")).save(path)
    pixels = load_pixels(path, *SIDE)
    half = expected_of(samples_of(32), 32) / 2
    assert np.abs(pixels - half).max() <= 1


@pytest.mark.parametrize("module", [decoding, pillow_decoding])
def test_a_guess_is_told_of(module, tmp_path):
    for name, bits in (("a", 12), ("b", 12), ("c", 8), ("d", 16)):
        path = tmp_path / f"{name}.png"
        path.write_bytes(png_of(samples_of(bits, 3)))
        module.load_pixels(path, *SIDE)
    (note,) = remarks.take()
    assert "3 pictures" in note and "8 bits (1), 12 bits (2)" in note
    assert str(tmp_path / "a.png") in note and "guess" in note
    assert not remarks.take()


def test_programs_log_a_guess(caplog):
    remarks.log()
    assert not caplog.records
    load_pixels(samples_of(12).astype("uint16"), *SIDE)
    remarks.log()
    assert "12 bits (1)" in caplog.text


def test_black_is_black_and_no_guess():
    for pixels in roads(png_of(np.zeros((*SIDE, 3), int))).values():
        assert not pixels.any()
    assert not remarks.take()


def test_rounding_is_to_the_nearest():
    for bits in (10, 12, 14, 16):
        values = np.arange(2**bits)
        found = to_eight_bits(values[None])[0]
        np.testing.assert_array_equal(
            found, np.rint(values * 255.0 / (2**bits - 1))
        )
    assert [white_level(value) for value in (0, 255, 256, 1024, 70_000)] == [
        255, 255, 1023, 4095, 2**24 - 1,
    ]  # fmt: skip

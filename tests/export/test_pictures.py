"""Pictures read in a graph as `imcap caption` reads them, and none fails."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers.exporting import encoded, turned
from helpers.places import SHARED
from helpers.tiny_pictures import png_chunk
from helpers.tiny_pictures import png_of as png_of_samples
from imcap.data.pictures import limits
from imcap.data.pictures.decoding import load_pixels
from imcap.export.pictures import _reduced_jpeg, read_pictures

pytestmark = pytest.mark.slow

SIZE, LIMIT = 24, 10_000
EDGE_IMAGES = SHARED / "data/edge_images"


@pytest.fixture(scope="module")
def read():
    """bytes -> pixels and errors, at most LIMIT pixels a picture."""
    function = tf.function(
        lambda files: read_pictures(files, SIZE, LIMIT),
        input_signature=[tf.TensorSpec((None,), tf.string)],
    )

    def run(*files):
        pixels, errors = function(tf.constant([*files]))
        return pixels.numpy(), [error.decode() for error in errors.numpy()]

    return run


def animation():
    """A GIF of two frames behind a long comment."""
    frames = [Image.open(io.BytesIO(encoded("PNG", seed))) for seed in (1, 2)]
    target = io.BytesIO()
    frames[0].save(
        target,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        comment=b"x" * 600,
    )
    return target.getvalue()


def deep_png(bits, chunks=()):
    """A PNG of 16 bits a sample that hold fewer."""
    rng = np.random.default_rng(bits)
    samples = rng.integers(0, 2**bits, (50, 70, 3))
    return png_of_samples(samples, before=chunks)


WHOLE = {
    "jpeg": encoded("JPEG"),
    "jpeg, grey": encoded("JPEG", mode="L"),
    "jpeg, four inks": encoded("JPEG", mode="CMYK"),
    "jpeg, on its side": encoded("JPEG", exif=turned()),
    "png": encoded("PNG"),
    "png, palette": encoded("PNG", mode="P"),
    "png, black and white": encoded("PNG", mode="1"),
    "png, transparent": encoded("PNG", mode="P", transparency=5),
    "png, on its side": encoded("PNG", exif=turned()),
    **{f"png, {bits} bits in 16": deep_png(bits) for bits in (8, 12, 16)},
    "png, 11 bits of 12": deep_png(11, [png_chunk(b"sBIT", b"\x0c" * 3)]),
    "gif": encoded("GIF", mode="P"),
    "gif, grey": encoded("GIF", mode="L"),
    "gif, transparent": encoded("GIF", mode="P", transparency=5),
    "gif, moving": animation(),
    "bmp": encoded("BMP"),
    "bmp, palette": encoded("BMP", mode="P"),
    "bmp, grey": encoded("BMP", mode="L"),
    "bmp, 32 bits": encoded("BMP", mode="RGBA"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_same_pixels(kind, read):
    pixels, errors = read(WHOLE[kind])
    assert errors == [""]
    ours = load_pixels(WHOLE[kind], SIZE, SIZE)
    np.testing.assert_allclose(pixels[0], ours, atol=0.01)
    assert ours.std() > 10, "a grey picture would prove nothing"


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif, moving", "bmp, palette"])
def test_cut_short_anywhere(kind, read):
    whole = WHOLE[kind]
    # GIF keeps more than its first frame behind it.
    end = len(encoded("GIF", 1, mode="P")) if "gif" in kind else len(whole)
    places = [1, 2, 3, 4, 7, 9, 12, 14, 20, 25, 33, 60, end // 2, end - 40]
    pixels, errors = read(*[whole[:place] for place in places])
    assert all(errors), errors
    assert not pixels.any()


def gif_of(screen, frame):
    """The bytes of a GIF that says it is that large."""
    whole = bytearray(encoded("GIF", mode="P"))
    place = whole.index(b"\x2c", 13 + 3 * 256)
    whole[6:10] = struct.pack("<HH", *screen)
    whole[place + 5 : place + 9] = struct.pack("<HH", *frame)
    return bytes(whole)


def png_of(width, height):
    whole = bytearray(encoded("PNG"))
    whole[16:24] = struct.pack(">ii", width, height)
    return bytes(whole)


def bmp_of(width, height, bits=24, compression=0):
    whole = bytearray(encoded("BMP"))
    whole[18:34] = struct.pack("<iihhi", width, height, 1, bits, compression)
    return bytes(whole)


def jpeg_of(width, height):
    whole = bytearray(encoded("JPEG"))
    place = whole.index(b"\xff\xc0")
    whole[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(whole)


@pytest.mark.parametrize("size", [(70, 50), (303, 202), (900, 60)])
def test_large_jpeg_is_decoded_smaller(size, monkeypatch):
    monkeypatch.setattr(limits, "MAX_PIXELS", 10_000)
    monkeypatch.setattr(limits, "JPEG_PIXELS", 80_000)
    monkeypatch.setattr(limits, "ENOUGH", 16)
    target = io.BytesIO()
    small = Image.open(io.BytesIO(encoded("PNG"))).resize((6, 4))
    small.resize(size, Image.Resampling.BILINEAR).save(
        target, "JPEG", exif=turned()
    )
    pixels, errors = read_pictures([target.getvalue()], SIZE, 10_000)
    assert errors.numpy().tolist() == [b""]
    ours = load_pixels(target.getvalue(), SIZE, SIZE, 10_000)
    np.testing.assert_allclose(pixels[0], ours, atol=0.01)
    assert ours.std() > 10
    sides = tf.shape(_reduced_jpeg(target.getvalue())).numpy()
    divisor = limits.reduction(*size)
    assert divisor == {70: 1, 303: 8, 900: 4}[size[0]]
    expected = [-(-side // divisor) for side in size]
    assert sides.tolist() == [*expected, 3]
    _, errors = read_pictures([jpeg_of(401, 200)], SIZE, 10_000)
    assert errors.numpy() == [b"80200 pixels, the limit is 80000"]


@pytest.mark.parametrize(
    "file,pixels",
    [
        (jpeg_of(60_000, 50_000), 3_000_000_000),
        (png_of(2**31 - 1, 2**31 - 1), (2**31 - 1) ** 2),
        (png_of(101, 100), 10_100),
        (gif_of((65_535, 65_535), (70, 50)), 65_535**2),
        (gif_of((70, 50), (65_535, 65_535)), 65_535**2),
        (bmp_of(2**31 - 1, -(2**31 - 1)), (2**31 - 1) ** 2),
    ],
)
def test_bombs_are_not_decoded(file, pixels, read):
    found, errors = read(file)
    assert errors == [f"{pixels} pixels, the limit is {LIMIT}"]
    assert not found.any()


@pytest.mark.parametrize(
    "file,reason",
    [
        (b"", "empty"),
        (b"no picture", "not a JPEG, PNG, GIF or BMP picture"),
        (encoded("WEBP"), "not a JPEG, PNG, GIF or BMP picture"),
        (encoded("TIFF"), "not a JPEG, PNG, GIF or BMP picture"),
        (encoded("BMP", mode="1"), "a BMP that is compressed, or not of"),
        (bmp_of(70, 50, compression=1), "a BMP that is compressed, or not of"),
        (png_of(0, 5), "damaged picture"),
        (png_of(-5, -5), "damaged picture"),
        (bmp_of(70, 51), "damaged picture"),
        (b"GIF89a" + b"\x00" * 40, "damaged picture"),
        (b"BM" + b"\xff" * 60, "damaged picture"),
    ],
)
def test_reasons(file, reason, read):
    assert read(file)[1][0].startswith(reason)


def test_one_does_not_spoil_another(read):
    files = [*WHOLE.values()]
    files[1::3] = [b"no picture"] * len(files[1::3])
    files[2::3] = [whole[:200] for whole in files[2::3]]
    together, errors = read(*files)
    assert [bool(error) for error in errors[:6]] == [False, True, True] * 2
    for file, pixels in zip(files[::3], together[::3], strict=True):
        np.testing.assert_array_equal(pixels, read(file)[0][0])


def test_frame_on_a_larger_screen(read):
    """What the first frame does not cover is white."""
    pixels, errors = read(gif_of((140, 70), (70, 50)))
    assert errors == [""]
    assert (pixels[0, -SIZE // 5 :] > 254).all()
    assert (pixels[0, :, -SIZE // 3 :] > 254).all()
    corner = read(WHOLE["gif"])[0][0, 0, 0]
    np.testing.assert_allclose(pixels[0, 0, 0], corner, atol=30)


@pytest.mark.skipif(not EDGE_IMAGES.is_dir(), reason="no edge images")
def test_edge_images(read):
    """Those that are read are read alike; the rest have a reason."""
    paths = sorted(EDGE_IMAGES.iterdir())
    files = tf.constant([path.read_bytes() for path in paths])
    pixels, errors = tf.function(read_pictures)(files, SIZE, 89_478_485)
    whole = 0
    for path, found, error in zip(paths, pixels, errors.numpy(), strict=True):
        if error:
            continue
        whole += 1
        ours = load_pixels(path, SIZE, SIZE)
        np.testing.assert_allclose(found, ours, atol=0.01)
    assert whole == 11

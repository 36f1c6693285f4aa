"""Pictures become the pixels a person would expect, or a clear reason."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from imcap.data.pictures.decoding import (
    check_image,
    decode_image,
    load_pixels,
    read_encoded,
    resize,
)


def photograph(height=37, width=53):
    """A smooth picture in which every corner differs: (h, w, 3) uint8."""
    y, x = np.mgrid[0:1:height * 1j, 0:1:width * 1j]  # fmt: skip
    channels = [255 * x, 255 * y, 255 * (1 - x) * (1 - y)]
    return np.stack(channels, axis=-1).astype("uint8")


def encoded(image, format="PNG", **options):
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def decoded(data):
    return decode_image(tf.constant(data)).numpy()


def decode_file(path):
    return decoded(read_encoded(path))


def exif(value, order="<", kind=3, entries=1, offset=8):
    """An APP1 segment with the orientation behind other entries."""
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(order + "HI", 42, offset)
    other = struct.pack(order + "HHIHH", 0x0100, 3, 1, 5, 0)
    ours = struct.pack(order + "HHIHH", 0x0112, kind, 1, value, 0)
    directory = struct.pack(order + "H", entries + 1) + other * entries
    body = b"Exif\0\0" + header + directory + ours + b"\0\0\0\0"
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def with_segment(jpeg, segment):
    return jpeg[:2] + segment + jpeg[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_applied(value, order):
    jpeg = encoded(photograph(), "JPEG", quality=95)
    data = with_segment(jpeg, exif(value, order))
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x0112] == value
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(decoded(data), expected)


@pytest.mark.parametrize(
    "segment",
    [
        exif(0),
        exif(9),
        exif(6, kind=2),
        exif(6, offset=2**31 - 1),
        exif(6, offset=2**32 - 1),
        exif(6)[:4] + b"Exif\0\0",
        b"\xff\xe1\x00\x08Exif\0\0",
        b"\xff\xe1\x00\x10Exif\0\0II*\0\xff\xff\xff\x7f",
        b"\xff\xe1\x00\x12Exif\0\0II*\0\x08\0\0\0\xff\xff",
    ],
)
def test_damaged_exif_is_ignored(segment):
    jpeg = encoded(photograph(), "JPEG")
    size = struct.pack(">H", len(segment) - 2)
    data = with_segment(jpeg, segment[:2] + size + segment[4:])
    np.testing.assert_array_equal(decoded(data), decoded(jpeg))


def test_exif_behind_other_segments_is_found():
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 5) + b"hello"
    data = with_segment(encoded(photograph(), "JPEG"), comment + exif(6))
    assert decoded(data).shape == (53, 37, 3)


def test_orientation_of_a_png(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photograph(), exif=exif(6)[4:]))
    assert decode_file(path).shape == (53, 37, 3)


def test_decoding_inside_a_graph():
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def graph(data):
        return decode_image(data)

    for format in ("PNG", "JPEG", "BMP", "GIF"):
        assert graph(encoded(photograph(), format)).shape == (37, 53, 3)
    definition = graph.get_concrete_function().graph.as_graph_def()
    nodes = [node.op for node in definition.node]
    for function in definition.library.function:
        nodes += [node.op for node in function.node_def]
    assert "DecodeJpeg" in nodes
    assert not {"PyFunc", "EagerPyFunc"} & set(nodes)


def test_transparency_is_white():
    clear = np.zeros((5, 7, 4), "uint8")
    clear[:, 3:] = (255, 0, 0, 128)
    pixels = decoded(encoded(clear))
    assert (pixels[:, :3] == 255).all()
    assert (pixels[:, 3:] == (255, 127, 127)).all()


def test_palette_with_transparent_entry(tmp_path):
    image = Image.new("P", (4, 3), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 1)
    for format in ("PNG", "GIF"):
        path = tmp_path / f"palette.{format.lower()}"
        path.write_bytes(encoded(image, format, transparency=0))
        pixels = decode_file(path)
        assert tuple(pixels[0, 0]) == (200, 100, 50)
        assert (pixels[1:] == 255).all()


@pytest.mark.parametrize("mode", ["L", "LA", "1", "CMYK", "P"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    image = Image.fromarray(photograph())
    image = image.convert(mode)
    format = "TIFF" if mode == "CMYK" else "PNG"
    path = tmp_path / "a.picture"
    path.write_bytes(encoded(image, format))
    expected = np.asarray(image.convert("RGB")).astype(int)
    pixels = decode_file(path)
    assert pixels.shape == (37, 53, 3)
    assert np.abs(pixels - expected).max() <= 1


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, format):
    values = np.linspace(0, 65535, 7 * 11).reshape(7, 11).astype("uint16")
    path = tmp_path / "deep"
    path.write_bytes(encoded(Image.fromarray(values), format))
    pixels = decode_file(path)
    assert np.abs(pixels[..., 1] - values / 257.0).max() <= 1


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (6, 5), color) for color in ("red", "blue")]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert tuple(decode_file(path)[0, 0]) == (255, 0, 0)
    assert tuple(decoded(path.read_bytes())[0, 0]) == (255, 0, 0)


def test_resize_smooths_when_shrinking():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    board = np.repeat(board[..., None], 3, axis=2).astype("uint8")
    small = resize(board, 8, 4).numpy()
    assert small.shape == (8, 4, 3)
    assert small.dtype == np.float32
    assert np.abs(small - 127.5).max() < 8


def test_resize_keeps_what_fits():
    image = photograph(8, 8)
    np.testing.assert_array_equal(resize(image, 8, 8), image)


def test_load_pixels_is_decode_then_resize(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(photograph(), "JPEG"))
    pixels = load_pixels(path, 11, 13)
    expected = resize(decode_file(path), 11, 13).numpy()
    np.testing.assert_allclose(pixels, expected, atol=1e-4)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_truncated_is_refused(tmp_path, format, share):
    noise = np.random.default_rng(3).integers(0, 255, (40, 60, 3), "uint8")
    data = encoded(noise, format)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * share)])
    assert check_image(path) is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"hello", "not a picture"), (None, "no such file")],
)
def test_no_picture(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    assert reason in check_image(path)


def test_folder_instead_of_file(tmp_path):
    assert "cannot be read" in check_image(tmp_path)


def test_bomb_is_refused_by_its_header(tmp_path):
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    crc = struct.pack(">I", zlib.crc32(chunk))
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + crc
        + struct.pack(">I", 0) + b"IDAT" + b"\x35\xaf\x06\x1e"
    )  # fmt: skip
    assert "pixels" in check_image(path)


def test_pixel_limit(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photograph(10, 10)))
    assert check_image(path, max_pixels=100) is None
    assert "limit is 99" in check_image(path, max_pixels=99)

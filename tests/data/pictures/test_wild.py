"""Pictures as people have them: many formats, clutter, side chunks."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers.tiny_pictures import picture, png_chunk, png_of
from imcap.data.pictures import decoding, pillow_decoding, plugins
from imcap.data.pictures.encoded import picture_size, read_encoded
from imcap.data.pictures.listing import ImageList, find_pictures
from imcap.data.pictures.remarks import remarks
from imcap.errors import InputError

ROADS = [decoding, pillow_decoding]
# Ending -> format of Pillow, and how far colours may move.
FORMATS = {
    "apng": ("PNG", 0), "avif": ("AVIF", 30), "bmp": ("BMP", 0),
    "dib": ("DIB", 0), "ico": ("ICO", 0), "j2k": ("JPEG2000", 0),
    "jp2": ("JPEG2000", 0), "jpf": ("JPEG2000", 0), "mpo": ("MPO", 30),
    "pcx": ("PCX", 0), "ppm": ("PPM", 0), "qoi": ("QOI", 0),
    "tga": ("TGA", 0), "tiff": ("TIFF", 0), "webp": ("WEBP", 40),
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_said():
    """Remarks of one test are not those of another."""
    remarks.take()
    yield
    remarks.take()


def smooth(width=48, height=32):
    """Colours that change slowly: (32, 48, 3) uint8."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([255 * x, 255 * y, 120 + 0 * x], axis=-1).astype("uint8")


def write(path, format, pixels):
    image = Image.fromarray(pixels)
    more = {}
    if path.suffix in (".apng", ".mpo"):
        other = Image.fromarray(255 - pixels)
        more = {"save_all": True, "append_images": [other]}
    if format == "ICO":
        more = {"sizes": [image.size]}
    if format == "QOI":
        path.write_bytes(qoi_of(pixels))
    else:
        image.save(path, format, **more)


def qoi_of(pixels):
    """The bytes of a QOI, every pixel written out."""
    height, width, _ = pixels.shape
    header = b"qoif" + struct.pack(">IIBB", width, height, 3, 0)
    body = b"".join(b"\xfe" + bytes(one) for one in pixels.reshape(-1, 3))
    return header + body + b"\0" * 7 + b"\1"


@pytest.mark.parametrize("ending", FORMATS)
def test_found_in_folders_and_read(ending, tmp_path):
    format, tolerance = FORMATS[ending]
    path = tmp_path / f"a.{ending}"
    write(path, format, smooth())
    assert ImageList.from_folder(tmp_path).paths == [path]
    assert picture_size(path) == (48, 32)
    for road in ROADS:
        pixels = np.asarray(road.load_pixels(path, 32, 48), "float32")
        assert np.abs(pixels - smooth()).max() <= tolerance


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
JPEG_XL = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20)


@pytest.mark.parametrize(
    "content,module,words",
    [
        (HEIC, "pillow_heif", "HEIC picture.*pillow-heif.*'imcap.heic.'"),
        (HEIC.replace(b"ypheic", b"ypmif1"), "pillow_heif", "'imcap.heic.'"),
        (JPEG_XL, "pillow_jxl", "JPEG XL.*pillow-jxl-plugin.*'imcap.jxl.'"),
        (b"\xff\x0a" + bytes(30), "pillow_jxl", "JPEG XL.*'imcap.jxl.'"),
    ],
)
def test_the_plugin_is_named(content, module, words, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    plugins._register.cache_clear()
    path = tmp_path / "IMG_0001.heic"
    path.write_bytes(content)
    assert find_pictures([tmp_path]) == ([path], [])
    for read in (read_encoded, picture_size):
        with pytest.raises(InputError, match=words):
            read(path)
    plugins._register.cache_clear()


@pytest.mark.parametrize(
    "module,ending", [("pillow_heif", "heic"), ("pillow_jxl", "jxl")]
)
def test_read_with_the_plugin(module, ending, tmp_path):
    pytest.importorskip(module)
    plugins._register.cache_clear()
    plugins._register(plugins.HEIC if ending == "heic" else plugins.JPEG_XL)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(smooth(96, 64)).save(path)
    assert plugins.plugin_format(path.read_bytes()) is not None
    for road in ROADS:
        pixels = np.asarray(road.load_pixels(path, 64, 96), "float32")
        assert np.abs(pixels - smooth(96, 64)).mean() < 5


def test_avif_is_no_heic():
    target = io.BytesIO()
    Image.fromarray(smooth()).save(target, "AVIF")
    assert plugins.plugin_format(target.getvalue()) is None
    both = b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicavif"
    assert plugins.plugin_format(both) is None
    assert plugins.plugin_format(b"") is None


@pytest.mark.parametrize(
    "content,words",
    [
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"<html><body>404", "web page"),
        (b"<?xml version='1.0'?>\n<svg xmlns=''/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"/annex/objects/MD5E-s1--d41d.jpg\n", "git annex get"),
        (b"hello", "not a picture"),
    ],
)
def test_what_is_no_picture_is_named(content, words, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for road in ROADS:
        with pytest.raises(InputError, match=f"a.jpg: .*{words}"):
            road.load_pixels(path, 8, 8)


def test_clutter_is_left_out_and_counted(tmp_path):
    folder = tmp_path / ".cache" / "holiday"  # hidden, but asked for
    names = [
        "a.jpg", "day one/b.jpg", "thumbs/c.jpg", "._a.jpg", ".hidden/d.jpg",
        "__MACOSX/._a.jpg", "__MACOSX/day one/b.jpg", "@eaDir/a.jpg/SMALL.jpg",
        ".thumbnails/a.png", "Thumbs.db", "day one/Thumbs.db", "notes.txt",
        "$RECYCLE.BIN/e.jpg", ".DS_Store",
    ]  # fmt: skip
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    images = ImageList.from_folder(folder)
    assert images.image_ids == ["a", "b", "c"]
    (line,) = remarks.take()
    assert line.startswith(f"{folder}: 9 files left out: ")
    assert set(line.partition("out: ")[2].split(", ")) == {
        "2 hidden", "2 in __MACOSX", "4 thumbnails", "1 deleted",
    }  # fmt: skip


def test_nothing_but_clutter(tmp_path):
    (tmp_path / ".a.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match=r"no picture in it \(1 file left out"):
        ImageList.from_folder(tmp_path)
    assert not remarks.take()


SMALL = np.random.default_rng(5).integers(0, 256, (12, 16, 3))
MUCH = zlib.compress(bytes(20_000_000))
SIDE_CHUNKS = {
    "wrong checksum of text": ([png_chunk(b"tEXt", b"a\0b", True)], []),
    "wrong checksum behind": ([], [png_chunk(b"tIME", b"1234567", True)]),
    "wrong checksum of a profile": ([png_chunk(b"iCCP", b"x\0\0y", True)], []),
    "wrong checksum of EXIF": ([png_chunk(b"eXIf", b"MM\0*", True)], []),
    "damaged profile": ([png_chunk(b"iCCP", b"x\0\0damaged")], []),
    "large profile": ([png_chunk(b"iCCP", b"x\0\0" + MUCH)], []),
    "large text": ([png_chunk(b"zTXt", b"x\0\0" + MUCH)], []),
    "large text behind": ([], [png_chunk(b"zTXt", b"x\0\0" + MUCH)]),
    "very large plain text": ([png_chunk(b"tEXt", bytes(9_000_000))], []),
    "much text": (
        [png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(900_000)))] * 80,
        [],
    ),
    "short pHYs": ([png_chunk(b"pHYs", b"x")], []),
    "short acTL": ([png_chunk(b"acTL", b"x")], []),
    "damaged EXIF": ([png_chunk(b"eXIf", b"x")], []),
}


@pytest.mark.parametrize("kind", SIDE_CHUNKS)
def test_side_chunks_do_not_matter(kind, tmp_path):
    before, after = SIDE_CHUNKS[kind]
    encoded = png_of(SMALL, 8, before, after) + b"behind the end"
    path = tmp_path / "a.png"
    path.write_bytes(encoded)
    for road in ROADS:
        pixels = road.load_pixels(path, 12, 16)
        np.testing.assert_array_equal(pixels, SMALL)
    assert picture_size(path) == (16, 12)
    graph = decoding.decode_image(tf.constant(encoded)).numpy()
    np.testing.assert_array_equal(graph, SMALL)


def test_chunks_that_change_pixels_stay(tmp_path):
    path = tmp_path / "a.png"
    key = struct.pack(">3H", *SMALL[0, 0])
    text = png_chunk(b"tEXt", b"a\0b", True)
    path.write_bytes(png_of(SMALL, 8, [png_chunk(b"tRNS", key), text]))
    expected = SMALL.copy()
    expected[(SMALL[0, 0] == SMALL).all(axis=2)] = 255
    for road in ROADS:
        pixels = road.load_pixels(path, 12, 16)
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT"])
def test_damage_that_matters_is_told(name, tmp_path):
    encoded = bytearray(picture())
    encoded[encoded.index(name) + 6] ^= 255
    path = tmp_path / "a.png"
    path.write_bytes(encoded)
    for road in ROADS:
        with pytest.raises(InputError, match=r"a\.png"):
            road.load_pixels(path, 8, 8)

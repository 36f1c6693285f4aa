"""Samples of more than 8 bits, from pictures that Pillow opened.

Pillow gives grey of 16 bits as it is, but of colour only the upper half of
every sample. Opened a second time with the order of bytes reversed, the file
gives the lower half.
"""

import io
from typing import Any

import numpy as np
from PIL import Image

from imcap.data.pictures.png_chunks import significant_bits
from imcap.data.pictures.turning import upright

# Raw modes of Pillow that keep the upper byte, and those that keep the lower.
LOWER = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B",  # decoded by libtiff, little-endian
    "RGBX;16B": "RGBX;16L",
    "RGBX;16L": "RGBX;16B",
    "RGBX;16N": "RGBX;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B",
    "LA;16B": "RGBA",  # two bytes of grey, two of alpha
}
BITS_PER_SAMPLE, LARGEST_VALUE, LARGEST_SAMPLE = 258, 281, 341  # TIFF tags
CODESTREAM = b"\xff\x4f\xff\x51"  # where JPEG 2000 says its size
PRECISION = 42  # bytes from there to the depth of the first component


def is_deep(image: Image.Image) -> bool:
    """Whether samples have more bits than Pillow's usual 8."""
    return image.mode.startswith("I") or bool(_raw_mode(image))


def read_samples(image: Image.Image) -> tuple[np.ndarray, int]:
    """Samples of a picture for which `is_deep` holds, upright.

    Args:
        image: a PIL image; colour must not be loaded yet.

    Returns:
        (H, W), (H, W, 3) or (H, W, 4) integers, and the bits that the file
        says they have; 0 where it does not say.
    """
    declared = declared_bits(image)
    raw = _raw_mode(image)
    if not raw:
        samples = np.asarray(upright(image))
    elif raw == "ppm":
        samples = _ppm_samples(image)
    else:
        samples = _color_samples(image, raw)
    return _with_transparency(samples, image), declared


def declared_bits(image: Image.Image) -> int:
    """Bits a sample, where the file says more than its container does."""
    if image.format == "PNG":
        return significant_bits(_file_bytes(image))
    if image.format == "TIFF":
        return _tiff_bits(image)
    if image.format == "PPM":
        return 0 if _ppm_largest(image) in (0, 65_535) else 16  # Pillow scales
    if image.format == "JPEG2000":
        content = _file_bytes(image)
        place = content.find(CODESTREAM) + PRECISION
        precision = (content[place] & 127) + 1 if place < len(content) else 16
        return 16 if precision < 16 else 0  # Pillow scales
    return 0


def _tiff_bits(image: Any) -> int:
    tags = image.tag_v2
    bits = max(tags.get(BITS_PER_SAMPLE, (0,)))
    if 8 < bits < 16:
        return bits
    for tag in (LARGEST_VALUE, LARGEST_SAMPLE):
        values = tags.get(tag, ())
        values = values if isinstance(values, tuple) else (values,)
        largest = int(max(values, default=0))
        # Many write what 16 bits could hold, whatever they do hold.
        if 255 < largest < 65_535:
            return largest.bit_length()
    return 0


def _raw_mode(image: Image.Image) -> str:
    """Pillow's name for 16-bit colour that is not loaded; "" for others."""
    tiles = getattr(image, "tile", None)
    if not tiles or getattr(image, "fp", None) is None:
        return ""
    if tiles[0][0] == "ppm":
        deep = _ppm_largest(image) > 255 and image.mode == "RGB"
        return "ppm" if deep else ""
    args = tiles[0][3]
    raw = args[0] if isinstance(args, tuple) else args
    return raw if raw in LOWER else ""


def _ppm_largest(image: Image.Image) -> int:
    """What a PPM or PGM calls white; 0 where its samples are as they are."""
    tiles = getattr(image, "tile", None)
    if image.format != "PPM" or not tiles:
        return 0
    codec, _, _, args = tiles[0]
    return int(args[1]) if codec.startswith("ppm") else 0


def _file_bytes(image: Any) -> bytes:
    """All bytes of an image's file, which stays where it is."""
    file = getattr(image, "fp", None)
    if file is None:
        return b""
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    return content


def _ppm_samples(image: Any) -> np.ndarray:
    """Samples (H, W, 3), scaled to 16 bits, of a binary PPM."""
    white = _ppm_largest(image)
    content = _file_bytes(image)[image.tile[0][2] :]
    width, height = image.size
    if len(content) < 6 * width * height:
        raise OSError("cut short")
    samples = np.frombuffer(content, ">u2", 3 * width * height)
    samples = samples.reshape(height, width, 3)
    if white != 65_535:
        scaled = np.minimum(samples, white) * (65_535 / white)
        samples = np.round(scaled).astype("uint16")
    return samples


def _color_samples(image: Any, raw: str) -> np.ndarray:
    """Samples (H, W, 3) or (H, W, 4) of colour of 16 bits."""
    frame = image.tell()
    other: Any = Image.open(io.BytesIO(_file_bytes(image)))
    other.seek(frame)
    other.tile = [_with_raw_mode(tile, raw) for tile in other.tile]
    upper = np.asarray(upright(image)).astype("uint16")
    lower = np.asarray(upright(other)).astype("uint16")
    if raw == "LA;16B":
        pairs = lower[..., 0::2] * 256 + lower[..., 1::2]  # grey and alpha
        return pairs[..., [0, 0, 0, 1]]
    return upper * 256 + lower


def _with_raw_mode(tile: Any, raw: str) -> Any:
    args = tile.args
    lower = LOWER[raw]
    args = (lower, *args[1:]) if isinstance(args, tuple) else lower
    return tile._replace(args=args)


def _with_transparency(samples: np.ndarray, image: Image.Image) -> np.ndarray:
    """Samples with alpha, where a file calls one value transparent."""
    key = image.info.get("transparency")
    if key is None or image.format != "PNG" or samples.shape[2:] == (4,):
        return samples
    color = samples if samples.ndim == 3 else samples[..., None]
    opaque = (color != np.asarray(key)).any(axis=2, keepdims=True)
    color = np.broadcast_to(color, (*samples.shape[:2], 3))
    alpha = opaque.astype(samples.dtype) * 65_535
    return np.concatenate([color, alpha], axis=2)

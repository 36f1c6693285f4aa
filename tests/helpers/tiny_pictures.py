"""Pictures as bytes, whole and not."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(seed=0, size=(50, 40), kind="PNG"):
    """The bytes of a picture of noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3))
    target = io.BytesIO()
    Image.fromarray(noise.astype("uint8")).save(target, kind)
    return target.getvalue()


def huge_png(side):
    """A few bytes that say they are a picture of `side` pixels squared."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    checked = header + struct.pack(">I", zlib.crc32(header))
    body = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + checked + body

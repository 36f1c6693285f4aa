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


def png_chunk(name, content, broken=False):
    """One chunk of a PNG, with a wrong checksum where `broken`."""
    checked = name + content
    total = zlib.crc32(checked) ^ broken
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", total)


def png_of(samples, bits=16, before=(), after=()):
    """The bytes of a PNG of samples (H, W, C), with chunks about its data."""
    height, width, channels = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    rows = samples.astype(">u2" if bits == 16 else "uint8")
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [
        png_chunk(b"IHDR", header),
        *before,
        png_chunk(b"IDAT", zlib.compress(data)),
        *after,
        png_chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff_of(samples, bits=16, order="<", packed=False, tags=()):
    """The bytes of a TIFF of samples (H, W, C), 12 or 16 bits each.

    Args:
        samples: integers.
        bits: of a sample.
        order: "<" or ">", of bytes.
        packed: whether it is compressed with zlib.
        tags: (number, value) of further entries, 16 bits each.
    """
    height, width, channels = samples.shape
    if bits == 12:
        pairs = samples.reshape(-1, 2).astype("uint32")
        whole = pairs[:, 0] << 12 | pairs[:, 1]
        data = b"".join(int(one).to_bytes(3, "big") for one in whole)
    else:
        data = samples.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    entries = {
        256: (4, width), 257: (4, height), 258: (3, bits),
        259: (3, 8 if packed else 1), 262: (3, 2 if channels > 1 else 1),
        277: (3, channels), 278: (4, height), 279: (4, len(data)),
    }  # fmt: skip
    if channels == 4:
        entries[338] = (3, 2)
    entries |= {tag: (3, value) for tag, value in tags}
    start = 8 + 2 + 12 * (len(entries) + 1) + 4
    entries[273] = (4, start + 2 * channels)
    body = struct.pack(f"{order}{channels}H", *[bits] * channels)
    table = b""
    for tag, (kind, value) in sorted(entries.items()):
        count = channels if tag == 258 else 1
        if count > 2:
            field = struct.pack(f"{order}I", start)
        elif kind == 4:
            field = struct.pack(f"{order}I", value)
        else:
            field = struct.pack(f"{order}2H", value, value * (count > 1))
        table += struct.pack(f"{order}HHI", tag, kind, count) + field
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(f"{order}HIH", 42, 8, len(entries))
    return header + table + b"\0" * 4 + body + data

"""Uploads that are no pictures, or no longer, or far too much of one."""

import itertools
import random
import struct
import zlib

START = b"\x89PNG\r\n\x1a\n"


def broken_uploads(pictures, count, seed=0):
    """Yields `count` pairs of a kind (str) and bytes.

    Args:
        pictures: list of bytes of JPEGs.
        count: int.
        seed: int.
    """
    rng = random.Random(seed)
    whole = pictures[0]
    makers = {
        "cut short": lambda: whole[: rng.randrange(10, len(whole) - 2)],
        "PNG cut short": lambda: LARGEST[: rng.randrange(60, 24_000)],
        "17 MB": lambda: whole + bytes(17_000_000),
        "text": lambda: b"<!DOCTYPE html><p>not a picture" * 9,
        "program": lambda: b"\x7fELF" + rng.randbytes(2000),
        "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n{} loop\n",
        "nothing": lambda: b"",
        "random bytes": lambda: rng.randbytes(rng.randrange(1, 60_000)),
        "random behind JPEG's start": lambda: whole[:20] + rng.randbytes(9000),
        "random behind PNG's start": lambda: START + rng.randbytes(9000),
        "PNG bomb, 900 MP": lambda: png(30_000, 30_000, rows=300),
        "PNG bomb, 400 MP, whole": lambda: BOMB,
        "PNG of 25 MP in 24 kB": lambda: LARGEST,
        "GIF of 4 GP": lambda: (
            b"GIF89a\xff\xff\xff\xff\x80\x00\x00" + bytes(99)
        ),
        "bytes changed": lambda: changed(whole, rng),
    }
    for kind, make in itertools.islice(itertools.cycle(makers.items()), count):
        yield kind, make()


def png(width, height, rows=None):
    """A grey PNG of one colour; of `rows` rows only where they are given."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width)
    data = b"".join(packer.compress(row) for _ in range(rows or height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"".join(
        (
            START,
            chunk(b"IHDR", header),
            chunk(b"IDAT", data + packer.flush()),
            chunk(b"IEND", b""),
        )
    )


def chunk(kind, data):
    """A part of a PNG, with its length and checksum."""
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def changed(whole, rng):
    """A picture some of whose bytes are others."""
    spoilt = bytearray(whole)
    for _ in range(20):
        spoilt[rng.randrange(2, len(spoilt))] = rng.randrange(256)
    return bytes(spoilt)


BOMB = png(20_000, 20_000)
LARGEST = png(5_000, 5_000)

"""The chunks of a PNG, from its bytes."""

import zlib
from collections.abc import Iterator

PNG_START = b"\x89PNG\r\n\x1a\n"
# Chunks that a decoder could do without, and that change the pixels.
CHANGING = {b"eXIf", b"sBIT", b"tRNS"}


def iterate_chunks(encoded: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields (name, start, end) of the chunks, until the end or damage.

    Args:
        encoded: the bytes of a PNG file.

    Yields:
        The four letters; where the chunk's content starts; where it ends,
        four bytes before the next chunk.
    """
    place = len(PNG_START)
    while place + 12 <= len(encoded):
        length = int.from_bytes(encoded[place : place + 4], "big")
        name = encoded[place + 4 : place + 8]
        end = place + 8 + length
        if end + 4 > len(encoded):
            return
        yield name, place + 8, end
        place = end + 4


def sample_bits(encoded: bytes) -> int:
    """Bits a sample of a PNG, by its header; 0 if it has none."""
    if not encoded.startswith(PNG_START) or len(encoded) < 26:
        return 0
    return encoded[24]


def significant_bits(encoded: bytes) -> int:
    """Bits that a PNG of 16 bits says it holds (sBIT); 0 if it does not."""
    for name, start, end in iterate_chunks(encoded):
        if name == b"IDAT":
            break
        if name == b"sBIT":
            bits = max(encoded[start:end], default=0)
            return bits if 0 < bits <= 16 else 0
    return 0


def plain_png(encoded: bytes) -> bytes:
    """A PNG without the chunks that do not change its pixels.

    Text, profiles and times may be damaged, or larger than Pillow takes; so
    are frames of an animation that come after the first.

    Args:
        encoded: the bytes of a file of any format.

    Returns:
        The same bytes if there is nothing to leave out, or it is no PNG.
    """
    if not encoded.startswith(PNG_START):
        return encoded
    kept, behind = [PNG_START], len(PNG_START)
    for name, start, end in iterate_chunks(encoded):
        behind = end + 4
        if name[:1].isupper() or (
            name in CHANGING and _is_intact(encoded, start, end)
        ):
            kept.append(encoded[start - 8 : behind])
        if name == b"IEND":
            behind = len(encoded)  # what follows is no part of the picture
    kept.append(encoded[behind:])  # damaged, which decoding will say
    whole = b"".join(kept)
    return encoded if len(whole) == len(encoded) else whole


def _is_intact(encoded: bytes, start: int, end: int) -> bool:
    checksum = int.from_bytes(encoded[end : end + 4], "big")
    return zlib.crc32(encoded[start - 4 : end]) == checksum

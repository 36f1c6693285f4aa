"""The chunks of a PNG, from its bytes."""

from collections.abc import Iterator

PNG_START = b"\x89PNG\r\n\x1a\n"
GREY, COLOR, GREY_ALPHA, COLOR_ALPHA = 0, 2, 4, 6  # types of colour


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

"""Limits of pictures that are read."""

import contextlib
from collections.abc import Iterator

from imcap.errors import InputError

MAX_PIXELS = 89_478_485  # a quarter of a gigabyte of RGB, as Pillow warns at
JPEG_PIXELS = 8 * MAX_PIXELS  # JPEG is decoded at a fraction of its size
FRACTIONS = (2, 4, 8)  # sides may be divided by these
ENOUGH = 1024  # pixels a side, far more than networks take
STORED_SIZE = 256  # side in pixels of pictures in a label file
ABOUT_LIMIT = (
    "width times height above which a picture is refused; JPEG may have eight "
    "times as many, unless this is lowered"
)
_limit = MAX_PIXELS


def pixel_limit() -> int:
    """Width times height above which a picture is refused."""
    return _limit


@contextlib.contextmanager
def pixels_up_to(limit: int) -> Iterator[None]:
    """Pictures up to so many pixels are read, within it; in all threads.

    Args:
        limit: width times height, as --max_pixels.

    Example:
        >>> with pixels_up_to(300_000_000):
        ...     model.caption("scan.png")

    Raises:
        InputError: the limit lets no picture through.
    """
    global _limit
    if limit < 1:
        raise InputError(f"--max_pixels starts from 1, and not {limit}")
    before, _limit = _limit, limit
    try:
        yield
    finally:
        _limit = before


def jpeg_limit(limit: int) -> int:
    """The limit for JPEG: far more, unless somebody asked for less."""
    return max(limit, JPEG_PIXELS) if limit >= MAX_PIXELS else limit


def reduction(width: int, height: int) -> int:
    """What the sides of a picture are divided by when it is decoded.

    Returns:
        1 up to `MAX_PIXELS`. Above, 2, 4 or 8: so much that it fits, and as
        much as leaves `ENOUGH` pixels a side.
    """
    if width * height <= MAX_PIXELS:
        return 1
    for fraction in FRACTIONS[:-1]:
        fits = width * height <= MAX_PIXELS * fraction**2
        if fits and min(width, height) < 2 * ENOUGH * fraction:
            return fraction
    return FRACTIONS[-1]

"""Formats that Pillow reads with a plugin, and what is no picture at all."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

from imcap.errors import InputError

HEIC_BRANDS = {
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs",
    b"mif1", b"msf1",
}  # fmt: skip
AVIF_BRANDS = {b"avif", b"avis"}  # Pillow reads them without a plugin
JPEG_XL_STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a")
HEIC, JPEG_XL = "HEIC", "JPEG XL"
# Format -> module, package, extra of imcap, and what registers the plugin.
PLUGINS: dict[str, tuple[str, str, str, Callable[[Any], None]]] = {
    HEIC: (
        "pillow_heif",
        "pillow-heif",
        "heic",
        lambda module: module.register_heif_opener(),
    ),
    JPEG_XL: ("pillow_jxl", "pillow-jxl-plugin", "jxl", lambda module: None),
}
NO_PICTURES = (  # how they begin, and what they are
    (b"<!doctype html", "a web page; the download failed, try it again"),
    (b"<html", "a web page; the download failed, try it again"),
    (b"<svg", "a drawing in SVG; export it as PNG"),
    (b"%pdf", "a PDF; export its pages as PNG"),
)


def plugin_format(start: bytes) -> str | None:
    """ "HEIC" or "JPEG XL" for the first bytes of such a file, else None."""
    if start.startswith(JPEG_XL_STARTS):
        return JPEG_XL
    if start[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(start[:4], "big"), 256)
    # Major brand, a version, then the brands that it is compatible with.
    brands = {start[8:12]}
    brands |= {start[at : at + 4] for at in range(16, length, 4)}
    if brands & AVIF_BRANDS or not brands & HEIC_BRANDS:
        return None
    return HEIC


def prepare_plugin(name: str, start: bytes) -> None:
    """Registers the plugin that a file needs, if it needs one.

    Args:
        name: of the picture, for messages.
        start: the first 256 bytes of the file, or more.

    Raises:
        InputError: the plugin is not installed.
    """
    kind = plugin_format(start)
    if kind is None:
        return
    try:
        _register(kind)
    except ImportError:
        _, package, extra, _ = PLUGINS[kind]
        raise InputError(
            f"{name}: a {kind} picture, which is read with {package}: pip "
            f"install 'imcap[{extra}]'; or save it as JPEG"
        ) from None


@functools.cache
def _register(kind: str) -> None:
    module, _, _, register = PLUGINS[kind]
    register(importlib.import_module(module))


def describe_unreadable(start: bytes) -> str:
    """What a file is that no format of Pillow fits."""
    head = start[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, what in NO_PICTURES:
        if head.startswith(mark) or (mark == b"<svg" and mark in head):
            return f"not a picture but {what}"
    return "not a picture"

"""Captioners, one published system a file."""

from imcap.models.registry import (
    CAPTIONERS,
    build_captioner,
    list_captioners,
)

__all__ = ["CAPTIONERS", "build_captioner", "list_captioners"]

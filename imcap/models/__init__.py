"""Captioners, one published system a file."""

from imcap.models.registry import CAPTIONERS, build_captioner

__all__ = ["CAPTIONERS", "build_captioner"]

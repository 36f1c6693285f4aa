"""Captioners, one published system a file."""

from imcap.models.adaptive import Adaptive

CAPTIONERS = {
    "adaptive": Adaptive,
}

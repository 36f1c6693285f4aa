"""Confidence of a run in its captions, as calibration left it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.errors import InputError
from imcap.files import read_json

if TYPE_CHECKING:
    from imcap.captioning.run import CaptionerRun
    from imcap.models.confidence import CaptionConfidence

WEIGHTS = "confidence.weights.h5"
ABOUT = "confidence.json"
AXES, RANK = 128, 64


def build_confidence(run: CaptionerRun) -> CaptionConfidence:
    """The layer of a run, with fresh weights."""
    from imcap.models.confidence import CaptionConfidence

    words, width = run.vocabulary, run.channels
    rank, axes = min(RANK, width, words.size), min(AXES, width // 2)
    layer = CaptionConfidence(words.size, width, words.eos_id, rank, axes)
    empty = np.zeros((1, 1, 2), "int32")
    layer(np.zeros((1, 1, width), "float32"), empty, empty.astype("float32"))
    return layer


def load_confidence(run: CaptionerRun) -> CaptionConfidence | None:
    """The layer that `calibrate` kept with a run; None where it did not."""
    if not (run.path / WEIGHTS).exists():
        return None
    from imcap.training.checkpoints import load_weights

    layer = build_confidence(run)
    try:
        load_weights(run.path / WEIGHTS, layer)
    except ValueError as error:
        raise InputError(str(error)) from None
    return layer


def threshold_of(path: Path) -> float | None:
    """The threshold that `calibrate` kept with a run; None without."""
    if not (path / ABOUT).exists():
        return None
    return float(read_json(path / ABOUT, "run imcap calibrate")["threshold"])


def opened_of(attention: dict[str, Any]) -> Any:
    """How open a captioner was to the picture, at each word; None: unknown."""
    if "gate" in attention:
        return attention["gate"]
    if "sentinel" in attention:
        return 1.0 - attention["sentinel"]
    return None

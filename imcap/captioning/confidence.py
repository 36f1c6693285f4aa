"""Confidence of a run in its captions, as calibration left it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.errors import InputError
from imcap.files import read_json
from imcap.runs.run import CONFIDENCE_ABOUT as ABOUT
from imcap.runs.run import CONFIDENCE_WEIGHTS as WEIGHTS

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.run import CaptionerRun
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.models.confidence import CaptionConfidence
    from imcap.runs.run import Run

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


def load_confidence(
    run: CaptionerRun, checkpoint: str = "best"
) -> CaptionConfidence | None:
    """The layer that `calibrate` kept with a run for some weights.

    Args:
        run: a `CaptionerRun`.
        checkpoint: "best" or "last", the weights that caption.

    Returns:
        None where the run was not calibrated, or with other weights.

    Raises:
        InputError: a damaged file.
    """
    if not (run.path / WEIGHTS).exists() or not is_of_weights(run, checkpoint):
        return None
    from imcap.training.checkpoints import load_weights

    layer = build_confidence(run)
    try:
        load_weights(run.path / WEIGHTS, layer)
    except ValueError as error:
        raise InputError(str(error)) from None
    return layer


def is_of_weights(run: Run, checkpoint: str = "best") -> bool:
    """Whether what `calibrate` kept was measured with these weights."""
    if not (run.path / ABOUT).exists():
        return False
    about = read_json(run.path / ABOUT, "run imcap calibrate")
    return bool(about.get("weights") == run.fingerprint(checkpoint))


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


def are_right(
    layer: CaptionConfidence,
    run: CaptionerRun,
    generated: list[Caption],
    references: CaptionSet,
) -> np.ndarray:
    """Which captions are said at least by half in the references: bool (N,)."""
    idf = np.asarray(layer.matcher.idf.embeddings)[:, 0]
    right = []
    for caption, of_image in zip(generated, references.tokens, strict=True):
        words = run.vocabulary
        said = {word for tokens in of_image for word in tokens}
        weights = {
            word: float(idf[words.encode([word])[0]])
            for word in set(caption.words)
        }
        total = sum(weights.values())
        agreed = sum(weights[word] for word in set(weights) & said)
        right.append(total > 0 and agreed >= total / 2)
    return np.array(right)


def risk_coverage(
    confidence: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and risk (N,) as the threshold falls.

    Args:
        confidence: (N,).
        right: bool (N,).

    Returns:
        Shares of the captions given, and of wrong ones among them.
    """
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), np.cumsum(~right[order]) / count


def describe_confidence(
    run: CaptionerRun,
    generated: list[Caption],
    references: CaptionSet,
    checkpoint: str = "best",
) -> dict[str, Any] | None:
    """What the confidence of captions is worth; None where there is none.

    Args:
        run: a `CaptionerRun`.
        generated: N `Caption`s.
        references: the captions of their pictures.
        checkpoint: which weights said them.

    Returns:
        Dict of threshold, declined (share below it), precision (share of
        right captions among the others), right (among all), and the curve:
        coverage and risk at every twentieth of the captions.
    """
    layer, threshold = load_confidence(run, checkpoint), threshold_of(run.path)
    if layer is None or threshold is None:
        return None
    right = are_right(layer, run, generated, references)
    confidence = np.array([caption.confidence for caption in generated])
    coverage, risk = risk_coverage(confidence, right)
    steps = np.ceil(np.linspace(0.05, 1.0, 20) * len(right)).astype(int) - 1
    kept = confidence >= threshold
    return {
        "threshold": threshold,
        "declined": float(1.0 - kept.mean()),
        "precision": float(right[kept].mean()) if kept.any() else None,
        "right": float(right.mean()),
        "coverage": coverage[steps].tolist(),
        "risk": risk[steps].tolist(),
    }

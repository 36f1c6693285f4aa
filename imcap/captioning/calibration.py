"""Calibration: fits and keeps a run's `CaptionConfidence`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.captioning.confidence import (
    ABOUT,
    WEIGHTS,
    are_right,
    build_confidence,
    opened_of,
)
from imcap.captioning.evaluation import Evaluation, caption_split
from imcap.captioning.split_data import add_references, open_split
from imcap.data.batches.readers import Pixels, pool_features
from imcap.data.words.picture_words import count_picture_words
from imcap.errors import InputError
from imcap.files import write_json

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.run import CaptionerRun
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.models.confidence import CaptionConfidence

RIDGE_LAMBDA = 1e4


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """What a calibration measured on validation.

    Attributes:
        threshold: confidence below which a caption is declined.
        declined: share of the pictures that are.
        precision: share of right captions among the others.
        right: share of right captions among all.
    """

    threshold: float
    declined: float
    precision: float
    right: float


def calibrate(
    run: CaptionerRun,
    evaluation: Evaluation,
    decline: float = 0.08,
    precision: float = 0.0,
) -> Calibrated:
    """Fits the run's confidence on training pictures and on validation.

    The ridge and the directions of the features are fitted on the training
    split, the weights of the evidence on the captions that the run gives
    validation pictures. A caption counts as right if the picture's
    references say at least half of it, words weighed by idf.

    Args:
        run: a `CaptionerRun`.
        evaluation: `Evaluation` of the validation split.
        decline: share of validation pictures below the threshold.
        precision: share of right captions above the threshold, instead; 0:
            none is asked for.

    Raises:
        InputError: what ships, a run that trains its CNN, or a precision
            that no threshold reaches.
    """
    if run.path == run.shipped:
        raise InputError(
            "what ships stays as it is; continue it as a run of your own "
            "(imcap train --start_from pretrained) and calibrate that"
        )
    from imcap.training.checkpoints import save_weights

    layer = build_confidence(run)
    train = dataclasses.replace(evaluation.data, split="train")
    captions, read = open_split(run, train)
    if isinstance(read, Pixels):
        raise InputError(f"{run.path}: it trained its CNN; not calibrated yet")
    fit_features(layer, run, captions, read)
    captions, read = open_split(run, evaluation.data)
    generated = caption_split(run, evaluation, captions, read)
    evidence, strangeness = [], []
    for row, key in enumerate(captions.image_ids):
        one = measure(layer, run, read([key]), generated[row])
        evidence.append(one[0])
        strangeness.append(one[1])
    right = are_right(
        layer, run, generated, add_references(run, evaluation.data, captions)
    )
    fit_evidence(layer, np.array(evidence), np.array(strangeness), right)
    confidence = np.array(
        [
            confidence_of(layer, run, read([key]), generated[row])
            for row, key in enumerate(captions.image_ids)
        ]
    )
    found = choose_threshold(confidence, right, decline, precision)
    save_weights(run.path / WEIGHTS, layer)
    weights = {"weights": run.fingerprint(evaluation.checkpoint)}
    write_json(run.path / ABOUT, dataclasses.asdict(found) | weights, indent=1)
    return found


def fit_features(
    layer: CaptionConfidence,
    run: CaptionerRun,
    captions: CaptionSet,
    read: Any,
) -> None:
    """Fits what depends on training pictures: ridge, directions, mean."""
    pooled = pool_features(read, captions.image_ids)
    rows = [
        (image, tokens)
        for image, of_image in enumerate(captions.tokens)
        for tokens in of_image
    ]
    said, share = count_picture_words(
        [tokens for _, tokens in rows],
        np.array([image for image, _ in rows]),
        len(captions),
        run.vocabulary,
    )
    layer.matcher.fit_line(pooled, said, share, RIDGE_LAMBDA)
    mean, deviation = pooled.mean(axis=0), pooled.std(axis=0) + 1e-6
    standard = (pooled - mean) / deviation
    _, directions = np.linalg.eigh(standard.T @ standard)
    layer.directions.assign(directions[:, ::-1][:, : layer.axes])
    images = layer.matcher.encode_images(pooled[:, None].astype("float32"))
    layer.typical.assign(np.asarray(images)[:, 0].mean(axis=0))


def _inputs(run, inputs, caption):
    """Arguments of the layer for one caption, (1, 1, L)."""
    ids = [*run.vocabulary.encode(caption.words), run.vocabulary.eos_id]
    length = len(caption.log_probabilities)
    opened = opened_of(caption.attention)
    return {
        "features": np.asarray(inputs["features"], "float32"),
        "tokens": np.array(ids[:length], "int32")[None, None],
        "log_probs": caption.log_probabilities[None, None],
        "opened": None if opened is None else opened[None, None],
        "mask": inputs.get("mask"),
    }


def measure(
    layer: CaptionConfidence,
    run: CaptionerRun,
    inputs: dict[str, np.ndarray],
    caption: Caption,
) -> tuple[np.ndarray, float]:
    """Evidence (5,) and strangeness of one caption and its picture."""
    arguments = _inputs(run, inputs, caption)
    evidence = np.asarray(layer.evidence(**arguments))[0, 0]
    strange = layer.strangeness(arguments["features"], arguments["mask"])
    return evidence, float(np.asarray(strange)[0])


def confidence_of(
    layer: CaptionConfidence,
    run: CaptionerRun,
    inputs: dict[str, np.ndarray],
    caption: Caption,
) -> float:
    """Confidence in one caption of one picture."""
    return float(np.asarray(layer(**_inputs(run, inputs, caption)))[0, 0])


def fit_evidence(
    layer: CaptionConfidence,
    evidence: np.ndarray,
    strangeness: np.ndarray,
    right: np.ndarray,
) -> None:
    """Fits the logistic regression of right (N,) on evidence (N, 5)."""
    centre, spread = evidence.mean(axis=0), evidence.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    inputs = np.hstack([(evidence - centre) / spread, np.ones((len(right), 1))])
    weights = np.zeros(inputs.shape[1])
    hold = np.diag([1.0] * (len(weights) - 1) + [1e-3])
    for _ in range(50):  # Newton's steps
        chance = 1.0 / (1.0 + np.exp(-inputs @ weights))
        slope = inputs.T @ (chance - right) + hold @ weights
        curve = (inputs * (chance * (1.0 - chance))[:, None]).T @ inputs
        weights -= np.linalg.solve(curve + hold, slope)
    layer.centre.assign(centre)
    layer.spread.assign(spread)
    layer.weights_of_evidence.assign(weights[:-1])
    layer.bias.assign(weights[-1:])
    # So that a few pictures that are alike do not make all others strange.
    spread = max(float(strangeness.std()), 0.05)
    layer.residual.assign([strangeness.mean(), spread])


def choose_threshold(
    confidence: np.ndarray,
    right: np.ndarray,
    decline: float,
    precision: float,
) -> Calibrated:
    """The threshold for a share that is declined, or for a precision."""
    threshold = float(np.quantile(confidence, decline))
    if precision:
        order = np.argsort(-confidence)
        reached = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
        enough = np.flatnonzero(reached >= precision)
        if not len(enough):
            raise InputError(
                f"--precision {precision}: the best is {reached.max():.2f} on "
                "validation"
            )
        threshold = float(confidence[order[enough[-1]]])
    kept = confidence >= threshold
    return Calibrated(
        threshold, float(1 - kept.mean()), float(right[kept].mean()),
        float(right.mean()),
    )  # fmt: skip

"""Ridge: solves for the straight line of a `RidgeMatcher`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.data.batches.readers import StoredFeatures, pool_features
from imcap.data.words.picture_words import count_picture_words
from imcap.errors import InputError
from imcap.metrics.recall import retrieval_metrics
from imcap.runs.run import BASELINE_WEIGHTS
from imcap.training.checkpoints import save_weights

if TYPE_CHECKING:
    from imcap.data.pairs.matching_set import MatchingSet
    from imcap.data.words.vocabulary import Vocabulary
    from imcap.matching.data import MatchData
    from imcap.matching.run import MatchRun
    from imcap.models.ridge_matcher import RidgeMatcher
    from imcap.models.scan import Scan


def fit_run(run: MatchRun, data: MatchData) -> dict[str, Any] | None:
    """Fits a run's matcher and writes its weights.

    Args:
        run: a `MatchRun` of --matcher ridge that has begun.
        data: `MatchData`.

    Returns:
        What `retrieval_metrics` gives on the validation pairs; None where
        there are none.
    """
    from imcap.matching.scores import Embedder, score_all

    model = run.build_task()
    fit(model, data.training, data.vocabulary, run.config.ridge_lambda)
    save_weights(run.best, model)
    if data.validation is None:
        return None
    rows = data.validation.encode(data.vocabulary)
    scores = score_all(Embedder(model), data.validation, rows)
    return retrieval_metrics(scores, data.validation.image_of)


def fit(
    model: RidgeMatcher,
    pairs: MatchingSet,
    vocabulary: Vocabulary,
    ridge_lambda: float,
    pooled: np.ndarray | None = None,
) -> np.ndarray:
    """Fits a model to pairs; see `RidgeMatcher.fit_line`.

    Args:
        model: a `RidgeMatcher`.
        pairs: the training pairs.
        vocabulary: that of the model.
        ridge_lambda: λ.
        pooled: their mean features, where they are known.

    Returns:
        The mean features of the pictures, float64 (N, D).

    Raises:
        InputError: no word is known.
    """
    said, share = count_picture_words(
        pairs.tokens, pairs.image_of, len(pairs), vocabulary
    )
    if not said.sum(axis=0).any():
        raise InputError(
            f"{pairs.name}: none of its words is in the vocabulary"
        )
    if pooled is None:
        pooled = pool_features(StoredFeatures(pairs.store), pairs.image_ids)
    model.fit_line(pooled, said, share, ridge_lambda)
    return pooled


def fit_baseline(run: MatchRun, data: MatchData) -> np.ndarray:
    """Fits and keeps the ridge that a run's attention is compared with.

    Returns:
        The mean features of the training pictures, float64 (N, D).
    """
    model = run.build_baseline()
    config = run.config
    pooled = fit(model, data.training, data.vocabulary, config.ridge_lambda)
    save_weights(run.path / BASELINE_WEIGHTS, model)
    return pooled


def start_head(
    scan: Scan, data: MatchData, ridge_lambda: float, pooled: np.ndarray
) -> None:
    """Begins the global head of a `Scan` as a ridge of its rank.

    Args:
        scan: the model.
        data: `MatchData`.
        ridge_lambda: λ.
        pooled: mean features of the training pictures, float64 (N, D).
    """
    from imcap.models.ridge_matcher import RidgeMatcher

    ridge = RidgeMatcher(scan.vocabulary_size, scan.channels, scan.global_head)
    fit(ridge, data.training, data.vocabulary, ridge_lambda, pooled)
    scan.start_as_ridge(ridge, pooled)

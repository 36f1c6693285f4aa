"""Ridge regression of a `RidgeMatcher`: solved, kept, begun with."""

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
    from imcap.models.ridge_matcher import RidgeMatcher, RidgeSolution
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
) -> None:
    """Fits a model to pairs.

    Args:
        model: a `RidgeMatcher`.
        pairs: the training pairs.
        vocabulary: that of the model.
        ridge_lambda: λ.

    Raises:
        InputError: no word is known.
    """
    model.set_line(*solve(pairs, vocabulary, ridge_lambda, model.rank))


def solve(
    pairs: MatchingSet, vocabulary: Vocabulary, ridge_lambda: float, rank: int
) -> tuple[RidgeSolution, np.ndarray]:
    """Solves for the line of some pairs; see `solve_ridge`.

    Returns:
        A `RidgeSolution`, and the mean features of the pictures, float64
        (N, D).

    Raises:
        InputError: no word is known.
    """
    from imcap.models.ridge_matcher import solve_ridge

    said, share = count_picture_words(
        pairs.tokens, pairs.image_of, len(pairs), vocabulary
    )
    if not said.sum(axis=0).any():
        raise InputError(
            f"{pairs.name}: none of its words is in the vocabulary"
        )
    pooled = pool_features(StoredFeatures(pairs.store), pairs.image_ids)
    return solve_ridge(pooled, said, share, ridge_lambda, rank), pooled


def begin_with_ridge(
    run: MatchRun, data: MatchData, scan: Scan | None = None
) -> None:
    """Solves once, keeps a run's baseline, and begins a global head.

    Args:
        run: a `MatchRun` of attention; with --no_baseline none is kept.
        data: `MatchData`.
        scan: the model, where its global head begins as a ridge of its rank.

    Raises:
        InputError: no word is known.
    """
    from imcap.models.ridge_matcher import RidgeMatcher

    baseline = None if run.config.no_baseline else run.build_baseline()
    head = scan.global_head if scan is not None else 0
    if baseline is None and not head:
        return
    print("solving a ridge regression from features to words")
    rank = max(head, baseline.rank if baseline is not None else 0)
    solution, pooled = solve(
        data.training, data.vocabulary, run.config.ridge_lambda, rank
    )
    if baseline is not None:
        baseline.set_line(solution, pooled)
        save_weights(run.path / BASELINE_WEIGHTS, baseline)
    if scan is not None and head:
        ridge = RidgeMatcher(scan.vocabulary_size, scan.channels, head)
        ridge.set_line(solution, pooled)
        scan.start_as_ridge(ridge, pooled)

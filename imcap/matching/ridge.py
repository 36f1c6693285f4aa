"""Ridge: solves for the straight line of a `RidgeMatcher`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.data.batches.readers import StoredFeatures
from imcap.errors import InputError
from imcap.metrics.recall import retrieval_metrics
from imcap.training.checkpoints import save_weights

if TYPE_CHECKING:
    from imcap.data.pairs.matching_set import MatchingSet
    from imcap.data.words.vocabulary import Vocabulary
    from imcap.matching.data import MatchData
    from imcap.matching.run import MatchRun
    from imcap.models.ridge_matcher import RidgeMatcher

PICTURES = 512  # read at a time


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
    """Solves `(X'X + λ I) W = X'Y` and gives the model its weights.

    X are features, averaged over the locations, standardised, with a one for
    the bias; Y are each picture's words: how many of its captions' words
    there are at all, 0 or 1, plus in what share of the captions, times idf.

    Args:
        model: a `RidgeMatcher`.
        pairs: the training pairs.
        vocabulary: that of the model.
        ridge_lambda: λ.

    Raises:
        InputError: no word is known.
    """
    pooled = pool_features(pairs)
    said, share = picture_words(pairs, vocabulary)
    heard = said.sum(axis=0)
    if not heard.any():
        raise InputError(
            f"{pairs.name}: none of its words is in the vocabulary"
        )
    idf = np.where(heard > 0, np.log(len(said) / (1.0 + heard)), 0.0)
    mean, deviation = pooled.mean(axis=0), pooled.std(axis=0) + 1e-6
    width = pooled.shape[1] + 1
    left = ridge_lambda * np.eye(width)
    right = np.zeros((width, len(idf)))
    for rows in _blocks(len(pooled)):
        inputs = (pooled[rows] - mean) / deviation
        inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
        target = (said[rows] + share[rows]) * idf
        left += inputs.T @ inputs
        right += inputs.T @ target
    line = np.linalg.solve(left, right)  # (D + 1, V)
    model.standardise.moving_mean.assign(mean)
    model.standardise.moving_variance.assign(deviation**2)
    model.idf.embeddings.assign(idf[:, None])
    if not model.rank:
        model.embedding.embeddings.assign(line.T)
        model.inner.kernel.assign(line @ line.T)
        return
    # The subspace of words that the predictions for these images fill most.
    inputs_gram = left - ridge_lambda * np.eye(width)
    _, axes = np.linalg.eigh(line.T @ inputs_gram @ line)
    axes = axes[:, ::-1][:, : model.rank]  # (V, r)
    model.embedding.embeddings.assign(axes)
    model.inner.kernel.assign(line @ axes)


def _blocks(count: int) -> Iterator[slice]:
    for first in range(0, count, PICTURES):
        yield slice(first, first + PICTURES)


def pool_features(pairs: MatchingSet) -> np.ndarray:
    """Features of all images, averaged over locations: float64 (N, D)."""
    read = StoredFeatures(pairs.store)
    parts = []
    for rows in _blocks(len(pairs)):
        inputs = read(pairs.image_ids[rows])
        features = np.asarray(inputs["features"], "float32")
        keep = inputs.get("mask", np.ones(features.shape[:2], bool))
        total = (features * keep[..., None]).sum(axis=1)
        parts.append(total / np.maximum(keep.sum(axis=1), 1)[:, None])
    return np.concatenate(parts).astype("float64")


def picture_words(
    pairs: MatchingSet, vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray]:
    """Which words the captions of each picture say.

    Returns:
        Float32 (N, V), 1 where any caption says the word; and the share of
        the captions that do. Words without meaning of their own are 0.
    """
    said = np.zeros((len(pairs), vocabulary.size), "float32")
    share = np.zeros_like(said)
    captions = np.bincount(pairs.image_of, minlength=len(pairs))
    for image, words in zip(pairs.image_of, pairs.tokens, strict=True):
        ids = np.unique(np.asarray(vocabulary.encode(words), "int64"))
        said[image, ids] = 1.0
        share[image, ids] += 1.0 / captions[image]
    special = [
        vocabulary.pad_id, vocabulary.bos_id, vocabulary.eos_id,
        vocabulary.unk_id,
    ]  # fmt: skip
    said[:, special] = share[:, special] = 0.0
    return said, share

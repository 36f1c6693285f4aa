"""The ridge matcher: cosines of predicted with said words."""

import numpy as np
import pytest

from helpers.backend import as_numpy, computed
from imcap.models.ridge_matcher import RidgeMatcher, solve_ridge
from imcap.models.score_blocks import score_blocks

B, C, K, D, V, T = 4, 3, 5, 6, 9, 7
TOKENS = np.array(
    [[1, 4, 5, 4, 2, 0, 0], [1, 8, 6, 7, 5, 3, 2], [1, 3, 2, 0, 0, 0, 0]]
)  # 0 … 3: padding, start, end, unknown
MASK = np.arange(K) < np.array([[5], [2], [5], [4]])


@pytest.fixture
def parts():
    """A model with weights, and these: mean, deviation, line, idf."""
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(size=D), rng.uniform(0.5, 2.0, D)
    line, idf = rng.normal(size=(D + 1, V)), rng.uniform(0.5, 3.0, V)
    line[:, :4], idf[:4] = 0.0, 0.0
    model = RidgeMatcher(V, D)
    model.standardise.moving_mean.assign(mean)
    model.standardise.moving_variance.assign(deviation**2)
    model.embedding.embeddings.assign(line.T)
    model.idf.embeddings.assign(idf[:, None])
    model.inner.kernel.assign(line @ line.T)
    features = rng.normal(size=(B, K, D)).astype("float32")
    return model, features, (mean, deviation, line, idf)


def by_hand(features, mask, weights):
    """Cosines (B, C), written out over the words."""
    mean, deviation, line, idf = weights
    scores = np.zeros((len(features), C))
    for image, (locations, keep) in enumerate(zip(features, mask, strict=True)):
        inputs = (locations[keep].mean(axis=0) - mean) / deviation
        predicted = np.append(inputs, 1.0) @ line
        for caption, ids in enumerate(TOKENS):
            said = np.zeros(V)
            said[ids] = 1.0
            said *= idf
            if said.any():
                lengths = np.linalg.norm(predicted) * np.linalg.norm(said)
                scores[image, caption] = predicted @ said / lengths
    return scores


@pytest.mark.parametrize("masked", [False, True])
def test_scores_are_cosines_of_words(parts, masked):
    model, features, weights = parts
    mask = MASK if masked else np.ones((B, K), bool)
    inputs = {"features": features, "tokens": TOKENS}
    if masked:
        inputs["mask"] = mask
        features[~mask] = np.nan  # what is masked may be anything
    expected = by_hand(features, mask, weights)
    assert not expected[:, 2].any() and np.abs(expected[:, :2]).min() > 1e-3
    found = computed(lambda: model(inputs))
    np.testing.assert_allclose(as_numpy(found)[0], expected, atol=1e-5)


def test_blocks_give_the_same(parts):
    model, features, weights = parts
    features[~MASK] = 0.0
    images = as_numpy(model.encode_images(features, MASK))[0]
    captions = as_numpy(model.encode_captions(TOKENS))[0]
    scores = np.full((B, C), np.nan)
    lengths = (TOKENS != 0).sum(axis=1)
    for rows, columns, block in score_blocks(
        model, images, captions, MASK, lengths
    ):
        scores[rows, columns] = block
    np.testing.assert_allclose(
        scores, by_hand(features, MASK, weights), atol=1e-5
    )


def test_attention_is_what_speaks_for_a_word(parts):
    model, features, weights = parts
    mean, deviation, line, _ = weights
    features = features[:C]
    images = model.encode_images(features)
    weights = as_numpy(model.attend(images, model.encode_captions(TOKENS)))[0]
    assert weights.shape == (C, T, K)
    inputs = np.concatenate(
        [(features - mean) / deviation, np.ones((C, K, 1))], axis=-1
    )
    evidence = np.maximum(inputs[0] @ line[:, 4], 0.0)
    expected = evidence / evidence.sum()
    np.testing.assert_allclose(weights[0, 1], expected, atol=1e-5)
    assert not weights[0, 3].any(), "a word that is said again"
    assert not weights[2].any(), "no word is known"


@pytest.mark.parametrize("rank", [0, 4])
def test_standard_scores_are_those_of_training_pictures(rank):
    rng = np.random.default_rng(2)
    pooled = rng.normal(size=(600, D))  # more than are embedded at a time
    said = (rng.random((600, V)) < 0.3).astype("float32")
    said[:, :4] = 0.0
    models = {
        scores: RidgeMatcher(V, D, rank, scores)
        for scores in ("cosine", "standard")
    }
    for model in models.values():
        model.fit_line(pooled, said, said / 2, 3.0)

    def score(scores, features):
        inputs = {"features": features[:, None], "tokens": TOKENS}
        return as_numpy(models[scores](inputs))[0]

    of_training = score("cosine", pooled)
    assert of_training[:, :2].std(axis=0).min() > 1e-3
    others = rng.normal(size=(B, D))
    deviation = np.maximum(of_training.std(axis=0), 1e-12)
    expected = (score("cosine", others) - of_training.mean(axis=0)) / deviation
    np.testing.assert_allclose(score("standard", others), expected, atol=1e-4)


def test_unknown_scores_are_refused():
    with pytest.raises(ValueError, match="scores must be"):
        RidgeMatcher(V, D, scores="rank")


def test_one_direction_can_be_standardised():
    rng = np.random.default_rng(3)
    said = (rng.random((20, V)) < 0.4).astype("float32")
    model = RidgeMatcher(V, D, 1, "standard")
    model.fit_line(rng.normal(size=(20, D)), said, said / 2, 3.0)
    assert np.asarray(model.standardization.root).shape == (1, 1)


def test_directions_vary_most_and_are_nested():
    """Against the covariance of what is predicted for the pictures."""
    rng = np.random.default_rng(4)
    pooled = rng.normal(size=(40, D)) * np.arange(1, D + 1)
    said = (rng.random((40, V)) < 0.4).astype("float32")
    two, all_ = (solve_ridge(pooled, said, said / 2, 3.0, r) for r in (2, 99))
    np.testing.assert_array_equal(two.line, all_.line)
    axes = all_.directions
    assert axes.shape == (V, D + 1) and two.directions.shape == (V, 2)
    np.testing.assert_allclose(axes.T @ axes, np.eye(D + 1), atol=1e-9)
    inputs = (pooled - two.mean) / two.deviation
    predicted = np.hstack([inputs, np.ones((40, 1))]) @ two.line
    variances = np.square(predicted @ axes).sum(axis=0)
    assert np.all(np.diff(variances) <= 1e-9)
    largest = np.linalg.eigvalsh(predicted.T @ predicted)[::-1]
    np.testing.assert_allclose(variances, largest[: D + 1], atol=1e-8)
    np.testing.assert_allclose(
        np.abs(np.sum(two.directions * axes[:, :2], axis=0)), 1.0
    )

"""Stacked cross attention against NumPy written from its equations."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed, value_and_gradients
from imcap.layers.attention.stacked_cross_attention import (
    AGGREGATES,
    DIRECTIONS,
    NORMALIZATIONS,
    StackedCrossAttention,
)

B, C, K, T, E = 2, 3, 7, 5, 11
REGIONS = np.arange(K) < np.array([[K], [4]])
WORDS = np.arange(T) < np.array([[T], [1], [3]])
EVERY = list(itertools.product(DIRECTIONS, NORMALIZATIONS, AGGREGATES))


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


IMAGES, CAPTIONS = floats(B, K, E), floats(C, T, E, seed=1)


def exponents(values, axis):
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def norm_of(scores, name):
    """Scores (n, q) of context and queries, normalised over the queries."""
    if name == "softmax":
        return exponents(scores, 1)
    if name.startswith("clipped"):
        scores = np.where(scores > 0, scores, 0.1 * scores)
    if name.endswith("l2norm"):
        return scores / np.sqrt((scores**2).sum(axis=1, keepdims=True))
    if name.endswith("l1norm"):
        return scores / np.abs(scores).sum(axis=1, keepdims=True)
    return scores


def aggregate_of(cosines, name, scale):
    if name == "LogSumExp":
        return np.log(np.exp(scale * cosines).sum()) / scale
    return {"Mean": np.mean, "Sum": np.sum, "Max": np.max}[name](cosines)


def one_score(layer, image, caption):
    """Score and weights of one pair, with the attended context formed."""
    context, query = (
        (image, caption) if layer.cross_attn == "t2i" else (caption, image)
    )
    scores = norm_of(context @ query.T, layer.raw_feature_norm)
    weights = exponents(layer.lambda_softmax * scores, 0)  # (n, q)
    seen = weights.T @ context  # (q, E)
    cosines = (seen * query).sum(axis=1) / (
        np.linalg.norm(seen, axis=1) * np.linalg.norm(query, axis=1)
    )
    score = aggregate_of(cosines, layer.agg_func, layer.lambda_lse)
    return score, weights.T if layer.cross_attn == "t2i" else weights


def make(direction="t2i", norm="clipped_l2norm", aggregate="LogSumExp"):
    return StackedCrossAttention(
        direction, norm, aggregate, lambda_softmax=3.0, lambda_lse=2.0
    )


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_scores_are_the_equations(direction, masked):
    masks = (REGIONS, WORDS) if masked else (None, None)
    layers = [make(*each) for each in EVERY if each[0] == direction]
    images, captions = IMAGES.copy(), CAPTIONS.copy()
    if masked:
        # Padding may hold anything.
        images[~REGIONS], captions[~WORDS] = np.nan, np.nan
    found = computed(
        lambda: [layer(images, captions, *masks) for layer in layers]
    )
    kept = masks if masked else (np.ones((B, K), bool), np.ones((C, T), bool))
    for layer, scores in zip(layers, as_numpy(found), strict=True):
        expected = [
            [
                one_score(layer, IMAGES[i][kept[0][i]], c[w])[0]
                for c, w in zip(CAPTIONS, kept[1], strict=True)
            ]
            for i in range(B)
        ]
        what = f"{layer.raw_feature_norm} {layer.agg_func}"
        np.testing.assert_allclose(scores, expected, atol=2e-5, err_msg=what)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("norm", ["clipped_l2norm", "no_norm"])
def test_attend_shows_the_weights(direction, norm):
    layer = make(direction, norm)
    images = IMAGES[[0, 1, 1]]
    masks = REGIONS[[0, 1, 1]], WORDS
    weights = computed(lambda: layer.attend(images, CAPTIONS, *masks))
    weights = as_numpy(weights)[0]
    assert weights.shape == (C, T, K)
    for i in range(C):
        image, caption = images[i][masks[0][i]], CAPTIONS[i][WORDS[i]]
        _, expected = one_score(layer, image, caption)
        found = weights[i][WORDS[i]][:, masks[0][i]]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    whole = weights.sum(axis=2 if direction == "t2i" else 1)
    where = masks[1] if direction == "t2i" else masks[0]
    np.testing.assert_allclose(whole[where], 1, rtol=1e-5)


def plain(layer, images, captions, image_mask, caption_mask):
    """The scores with every attended context formed, in Keras' operations."""
    context, query = images[:, None], captions[None]
    masks = image_mask[:, None], caption_mask[None]
    if layer.cross_attn == "i2t":
        (context, query), masks = (query, context), masks[::-1]
    scores = ops.matmul(context, ops.swapaxes(query, 2, 3))  # (B, C, n, q)
    scores = ops.where(masks[1][:, :, None], scores, 0.0)
    scores = ops.leaky_relu(scores, 0.1)
    length = ops.sqrt(ops.sum(scores**2, axis=3, keepdims=True) + 1e-20)
    scores = layer.lambda_softmax * scores / length
    scores = ops.where(masks[0][:, :, :, None], scores, -1e9)
    weights = ops.softmax(scores, axis=2)
    seen = ops.matmul(ops.swapaxes(weights, 2, 3), context)
    lengths = ops.sqrt(ops.sum(seen**2, 3)) * ops.sqrt(ops.sum(query**2, 3))
    cosines = ops.sum(seen * query, axis=3) / lengths
    kept = ops.where(masks[1], layer.lambda_lse * cosines, -1e9)
    return ops.logsumexp(kept, axis=2) / layer.lambda_lse


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_gradients_are_those_of_the_plain_form(direction):
    layer = make(direction)
    parts = [keras.Variable(IMAGES), keras.Variable(CAPTIONS)]
    slopes = floats(B, C, seed=2)

    def loss(scores):
        images, captions = (part + 0 for part in parts)
        return ops.sum(slopes * scores(images, captions, REGIONS, WORDS))

    found = value_and_gradients(lambda: loss(layer), parts)
    wanted = value_and_gradients(
        lambda: loss(lambda *inputs: plain(layer, *inputs)), parts
    )
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5)
    for one, other in zip(found[1], wanted[1], strict=True):
        assert np.any(other)
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("norm", NORMALIZATIONS)
def test_vectors_of_zeros_have_finite_gradients(direction, norm):
    layer = make(direction, norm)
    parts = [keras.Variable(0 * IMAGES), keras.Variable(CAPTIONS)]

    def loss():
        return ops.sum(layer(parts[0] + 0, parts[1] + 0))

    value, gradients = value_and_gradients(loss, parts)
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(each)) for each in gradients)


def test_a_large_lambda_does_not_overflow():
    layer = StackedCrossAttention("i2t", "no_norm", lambda_softmax=1000.0)
    scores = as_numpy(computed(lambda: layer(IMAGES, CAPTIONS)))[0]
    assert np.all(np.isfinite(scores))


@pytest.mark.parametrize(
    "option", ["cross_attn", "raw_feature_norm", "agg_func"]
)
def test_unknown_options_are_named(option):
    with pytest.raises(ValueError, match=f"{option} must be of .*'x'"):
        StackedCrossAttention(**{option: "x"})

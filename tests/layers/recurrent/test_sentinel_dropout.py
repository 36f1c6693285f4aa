"""Queries that must look: adaptive attention without its sentinel."""

import keras
import numpy as np
import pytest

from helpers.backend import as_numpy
from imcap.layers.attention.adaptive_attention import AdaptiveAttention

B, Q, K, U, D = 2, 101, 5, 7, 11


def shares(rate, training, mask=None):
    """Weights (B, Q, K + 1) of a layer with random weights."""
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(3)  # the same weights each time
    layer = AdaptiveAttention(U, sentinel_dropout=rate)
    hidden, sentinel = rng.normal(size=(2, B, Q, D)).astype("float32")
    values = rng.normal(size=(B, K, U)).astype("float32")
    layer.build((B, Q, D), (B, Q, D))
    keys = layer.project(values)
    _, weights = layer(hidden, sentinel, keys, values, mask, training=training)
    return as_numpy(weights)[0]


@pytest.mark.parametrize("masked", [False, True])
def test_some_queries_look_in_training(masked):
    mask = np.array([[True] * 3 + [False] * 2] * B) if masked else None
    weights = shares(0.5, True, mask)
    without = weights[..., -1] == 0
    assert 0.3 < without.mean() < 0.7
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, rtol=1e-5)
    if masked:
        assert not weights[..., 3:5].any()


@pytest.mark.parametrize("rate, training", [(0.5, False), (0.0, True)])
def test_otherwise_the_sentinel_is_there(rate, training):
    weights = shares(rate, training)
    assert (weights[..., -1] > 0).all()
    np.testing.assert_allclose(weights, shares(0.0, False), rtol=1e-5)

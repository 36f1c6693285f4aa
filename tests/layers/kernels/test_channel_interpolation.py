"""A polynomial through a few values gives the score of every channel."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed, value_and_gradients
from imcap.layers.kernels import channel_score
from imcap.layers.kernels.channel_interpolation import STEEPEST, Interpolation

B, Q, C, A = 3, 2, 211, 37
SPREAD = 3.0  # of the means, from 0 up, as behind a ReLU


def arguments(steepness, seed=0):
    """Query, means, kernel and weight; the steepest tangent is given."""
    rng = np.random.default_rng(seed)
    means = rng.uniform(0, SPREAD, (B, C))
    means[:, 0], means[:, 1] = 0, SPREAD
    kernel = rng.uniform(-1, 1, A)
    kernel *= steepness / np.abs(kernel).max() / (SPREAD / 2)
    query, weight = rng.normal(size=(B, Q, A)), rng.normal(size=(A, 1))
    values = (query, means, kernel, weight)
    return [value.astype("float32") for value in values]


def by_hand(query, means, kernel, weight):
    """`plain_channel_score`, in float64."""
    inner = means[:, None, :, None].astype("float64") * kernel
    return (np.tanh(inner + query[:, :, None]) @ weight)[..., 0]


@pytest.mark.parametrize("steepness", [1e-3, 0.5, 0.999 * STEEPEST])
def test_scores_are_those_of_the_equation(steepness):
    given = arguments(steepness)
    assert computed(lambda: Interpolation(*given[1:3]).is_close())
    tensors = [ops.convert_to_tensor(part) for part in given]
    total = np.abs(given[3]).sum()
    query, means, kernel, weight = tensors
    found = as_numpy(
        computed(lambda: Interpolation(means, kernel).scores(query, weight))
    )[0]
    np.testing.assert_allclose(found, by_hand(*given), atol=3e-7 * total)
    found = as_numpy(
        computed(lambda: channel_score.channel_score(*map(ops.array, given)))
    )[0]
    np.testing.assert_allclose(found, by_hand(*given), atol=3e-7 * total)


def test_steep_scores_are_not_interpolated():
    given = arguments(1.01 * STEEPEST)
    assert not computed(lambda: Interpolation(*given[1:3]).is_close())
    given = arguments(40.0)
    found = as_numpy(
        computed(lambda: channel_score.channel_score(*map(ops.array, given)))
    )[0]
    np.testing.assert_allclose(found, by_hand(*given), atol=2e-5)


@pytest.mark.parametrize("branch", ["scores", "gradients"])
def test_the_polynomial_is_what_is_used(monkeypatch, branch):
    called = []
    plain = getattr(Interpolation, branch)

    def spied(self, *arguments):
        called.append(branch)
        return plain(self, *arguments)

    monkeypatch.setattr(Interpolation, branch, spied)
    variables = [keras.Variable(part) for part in arguments(0.5)]
    value_and_gradients(
        lambda: ops.sum(
            channel_score.channel_score(*[1.0 * part for part in variables])
        ),
        variables,
    )
    assert called


@pytest.mark.parametrize("steepness", [0.3, 2.0, 4.0])
def test_gradients_are_those_of_the_whole(monkeypatch, steepness):
    given = arguments(steepness)
    slopes = np.random.default_rng(5).normal(size=(B, Q, C))
    slopes = slopes.astype("float32")

    variables = [keras.Variable(part) for part in given]

    def scored():
        parts = [1.0 * part for part in variables]
        return ops.sum(slopes * channel_score.channel_score(*parts))

    def gradients():
        return value_and_gradients(scored, variables)

    value, found = gradients()
    monkeypatch.setattr(channel_score, "CHANNELS", C)
    expected_value, expected = gradients()
    np.testing.assert_allclose(value, expected_value, rtol=1e-4)
    for one, other in zip(found, expected, strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, atol=2e-5 * scale)


@pytest.mark.parametrize("spread", [0.0, 2e-6, 1e-5])
def test_channels_that_are_all_but_alike(spread):
    query, means, kernel, weight = arguments(1.0)
    means[:] = 20 + spread * means / SPREAD
    kernel /= 20
    given = (query, means, kernel, weight)
    found = as_numpy(
        computed(lambda: channel_score.channel_score(*map(ops.array, given)))
    )[0]
    np.testing.assert_allclose(found, by_hand(*given), atol=2e-5)

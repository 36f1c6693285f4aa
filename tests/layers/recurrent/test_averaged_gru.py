"""The GRU of captions against a plain loop, forwards and backwards."""

import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed, value_and_gradients
from imcap.layers.dense import WeightNormalizedDense
from imcap.layers.recurrent.averaged_gru import AveragedGRU

C, T, D, U = 3, 5, 7, 11
LENGTHS = np.array([T, 2, 3])
MASK = np.arange(T) < LENGTHS[:, None]


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


WORDS = floats(C, T, D)


def one_direction(words, weights):
    """States (T, U) of the words of one caption, in Keras' operations."""
    kernel, recurrent, bias, recurrent_bias = weights
    state = ops.zeros((U,))
    found = []
    for word in words:
        inputs = ops.split(ops.matmul(word, kernel) + bias, 3)
        recalled = ops.split(ops.matmul(state, recurrent) + recurrent_bias, 3)
        reset = ops.sigmoid(inputs[0] + recalled[0])
        update = ops.sigmoid(inputs[1] + recalled[1])
        candidate = ops.tanh(inputs[2] + reset * recalled[2])
        state = (1 - update) * candidate + update * state
        found.append(state)
    return found


def plain(layer, words):
    """The layer on one caption (T, D) without padding."""
    words = list(words)
    for directions in layer.passes:
        found = [one_direction(words, directions[0])]
        if layer.bidirectional:
            back = one_direction(words[::-1], directions[1])
            found.append(back[::-1])
        words = [ops.concatenate(p) for p in zip(*found, strict=True)]
    means = [sum(p) / len(found) for p in zip(*found, strict=True)]
    return ops.stack(means)


@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, True)])
def test_values_and_gradients_are_those_of_a_plain_loop(layers, both):
    layer = AveragedGRU(U, layers, both)
    layer.build((C, T, D))
    slopes = floats(C, T, U, seed=1)
    words = np.where(MASK[..., None], WORDS, np.nan)

    def loss():
        return ops.sum(slopes * layer(words, MASK))

    def plain_loss():
        return sum(
            ops.sum(slopes[i, :n] * plain(layer, WORDS[i, :n]))
            for i, n in enumerate(LENGTHS)
        )

    found = value_and_gradients(loss, layer.trainable_variables)
    wanted = value_and_gradients(plain_loss, layer.trainable_variables)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4)
    for one, other in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_padding_changes_nothing():
    layer = AveragedGRU(U, bidirectional=True)
    layer.build((C, T, D))
    found = as_numpy(computed(lambda: layer(WORDS, MASK)))[0]
    for i, n in enumerate(LENGTHS):
        words = WORDS[i : i + 1, :n]
        alone = as_numpy(computed(lambda words=words: layer(words)))[0][0]
        np.testing.assert_allclose(found[i, :n], alone, atol=1e-6)
        assert not np.any(found[i, n:])


def test_a_gru_needs_a_layer():
    with pytest.raises(ValueError, match="num_layers must be positive, got 0"):
        AveragedGRU(U, num_layers=0)


def test_weight_normalisation_is_its_equation():
    layer = WeightNormalizedDense(U)
    layer.build((None, T, D))
    direction, length, bias = as_numpy(layer.weights)
    # At first the length is that of the matrix itself.
    np.testing.assert_allclose(length, np.sqrt((direction**2).sum()), rtol=1e-6)
    layer.length.assign(2 * length)
    found = as_numpy(computed(lambda: layer(WORDS)))[0]
    expected = 2 * WORDS @ direction + bias
    np.testing.assert_allclose(found, expected, atol=1e-5)

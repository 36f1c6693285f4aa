"""The written-out gradient of Up-Down's recurrence against the loop's."""

import numpy as np
import pytest
from keras import ops

from helpers.backend import value_and_gradients
from imcap.layers.kernels.loops import over_words
from imcap.layers.recurrent.top_down_lstm import TopDownLSTM

B, N, T, K, D, E, U, A = 2, 3, 5, 7, 11, 13, 17, 19


def floats(*shape, seed):
    values = np.random.default_rng(seed).normal(size=shape)
    return values.astype("float32")


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_those_of_the_loop(masked):
    layer = TopDownLSTM(U, A)
    words, image = floats(B, N, T, E, seed=0), floats(B, D, seed=1)
    values = floats(B, K, D, seed=2)
    layer.build(words.shape, image.shape, values.shape)
    for number, weight in enumerate(layer.weights):
        weight.assign(0.5 * floats(*weight.shape, seed=10 + number))
    mask = None
    if masked:
        mask = np.random.default_rng(3).random((B, K)) < 0.6
    for_hidden, for_weights = (
        floats(B, N, T, U, seed=4),
        floats(B, N, T, K, seed=5),
    )

    def total(outputs):
        hidden, weights = outputs
        return ops.sum(hidden * for_hidden) + ops.sum(weights * for_weights)

    def written_out():
        return total(layer(words, image, values, mask))

    def loop():
        keys, value_gates = layer.project(ops.convert_to_tensor(values))
        gates = layer.word_dense(words)
        gates = gates + layer.image_dense(image)[:, None, None]
        zeros = ops.zeros((B, N, U))
        return total(
            over_words(
                lambda now, state: layer.step(
                    now, state, keys, value_gates, mask
                ),
                gates,
                (zeros,) * 4,
            )
        )

    value, found = value_and_gradients(written_out, layer.trainable_weights)
    same, expected = value_and_gradients(loop, layer.trainable_weights)
    assert value == pytest.approx(same, rel=1e-5)
    assert len(found) == len(layer.weights)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 1e-3
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)

"""What a captioner needs to run the end of a network at every word."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed, value_and_gradients
from helpers.sca_layers import (
    ATTENDED,
    MASK,
    REAL,
    SHARES,
    SIDE,
    VALUES,
    A,
    B,
    C,
    E,
    N,
    R,
    T,
    U,
    filled,
    floats,
    lstm_call,
)
from imcap.layers.attention.attended_map import AttendedMap
from imcap.layers.cnn.sub_network import SubNetwork
from imcap.layers.dense import UnitLength
from imcap.layers.initializers import SquareOrthogonal
from imcap.layers.penalties import CoveragePenalty
from imcap.layers.recurrent.sca_lstm import ScaLSTM, ZeroFirst


def test_recomputed_gradient_is_the_plain_one(monkeypatch):
    layer, _ = filled(ScaLSTM(U, A, ATTENDED), (B, N, T, E))
    inputs = [floats(B, N, T, E), VALUES, floats(B, 2 * U), SIDE, None]
    factors = floats(B, N, T, U)

    def loss():
        return ops.sum(lstm_call(layer, *inputs)["hidden"] * factors)

    weights = layer.trainable_variables
    _, slopes = value_and_gradients(loss, weights)
    monkeypatch.setattr(keras, "remat", lambda function: function)
    _, expected = value_and_gradients(loss, weights)
    for one, other in zip(slopes, expected, strict=True):
        assert np.any(other)
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_sub_network_is_the_layers_it_copies():
    image = keras.Input((3, 5, C))
    found = keras.layers.Conv2D(R, 3, padding="same", name="conv")(image)
    found = keras.layers.BatchNormalization(epsilon=1e-2, name="norm")(found)
    side = keras.Input((3, 5, R))
    found = keras.layers.ReLU()(found + side)
    network = keras.Model([image, side], found)
    for number, weight in enumerate(network.weights):
        weight.assign(np.abs(floats(*weight.shape, seed=number)))
    layer = SubNetwork(
        [
            {"conv": R, "kernel": 3, "layer": "conv"},
            {"norm": 1e-2, "layer": "norm"},
            {"add": R},
            {"activation": "relu"},
        ],
        grid=(3, 5),
    )
    layer.build((None, None, C))
    layer.copy_from(network)
    assert layer.has_spatial_kernel and len(layer.trainable_variables) == 2
    values, side = floats(B, 15, C), floats(B, 15, R, seed=3)
    expected = network(
        [values.reshape(B, 3, 5, C), side.reshape(B, 3, 5, R)], training=False
    )
    np.testing.assert_allclose(
        as_numpy(computed(lambda: layer(values, side)))[0],
        as_numpy(expected)[0].reshape(B, 15, R),
        rtol=1e-4,
        atol=1e-5,
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="no operation"):
        SubNetwork([{"convolution": 3}])
    with pytest.raises(ValueError, match="cannot be added to 11 channels"):
        SubNetwork([{"add": R}]).build((None, None, C))
    with pytest.raises(ValueError, match="comes before it makes 4"):
        ScaLSTM(U, A, [ATTENDED[0], {"channels": 5}]).build((B, N, T, E))
    with pytest.raises(ValueError, match="no grid of 3 x 3"):
        layer = SubNetwork([{"conv": 2, "kernel": 3}], grid=(3, 3))
        layer(VALUES)
    with pytest.raises(ValueError, match="order must be one of"):
        AttendedMap(A, "S-S")
    wide = ScaLSTM(
        U, A, [{"channels": C, "then": [{"conv": 2, "kernel": 3}]}], grid=(7, 1)
    )
    inputs = [floats(B, N, T, E), VALUES, floats(B, 2 * U), None]
    lstm_call(wide, *inputs, None)
    with pytest.raises(ValueError, match="look at neighbours"):
        lstm_call(wide, *inputs, MASK)


def test_coverage_penalty_is_its_equation():
    layer = CoveragePenalty(0.3)
    layer(floats(B, N, T, U), SHARES, REAL, MASK)
    missed = [
        (1 - SHARES[b, n, REAL[b, n]].sum(axis=0)[MASK[b]]) ** 2
        for b, n in np.ndindex(B, N)
        if REAL[b, n].any()
    ]
    expected = 0.3 * np.concatenate(missed).mean()
    np.testing.assert_allclose(as_numpy(layer.losses)[0], expected, rtol=1e-5)


def test_small_layers():
    words = as_numpy(ZeroFirst()(floats(B, N, T, E)))[0]
    assert not words[:, :, 0].any() and words[:, :, 1:].all()
    vectors = as_numpy(UnitLength()(np.array([[3.0, 4.0], [0.0, 0.0]])))[0]
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    square = as_numpy(SquareOrthogonal()((5, 5)))[0]
    np.testing.assert_allclose(square @ square.T, np.eye(5), atol=1e-5)
    oblong = as_numpy(SquareOrthogonal(0.1)((50, 40)))[0]
    assert 0.09 < oblong.std() < 0.11

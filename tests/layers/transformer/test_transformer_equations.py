"""The transformer's layers against NumPy written from their equations."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import erf

from helpers.backend import as_numpy, computed, value_and_gradients
from imcap.layers.attention.geometric_attention import (
    GeometricBias,
    RelativeGeometry,
)
from imcap.layers.attention.multi_head_attention import MultiHeadAttention
from imcap.layers.attention.x_linear_attention import XLinearAttention
from imcap.layers.transformer.feed_forward import FeedForward
from imcap.layers.transformer.normalization import (
    RootMeanSquareNormalization,
    UnbiasedNormalization,
    transformer_normalization,
)
from imcap.layers.transformer.positions import (
    FixedGridPositions,
    GridPositions,
    sinusoid,
)

# d = heads × 5 keeps heads; all other sizes are different primes.
B, K, Q, H, F = 2, 7, 19, 2, 13
U = 5 * H
MASK = np.arange(K) < np.array([[K], [4]])


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def boxes(*shape):
    corners = np.random.default_rng(3).random((*shape, 2, 2))
    return np.sort(corners, axis=-2).reshape(*shape, 4).astype("float32")


def filled(layer, *shapes):
    """The layer with weights that are not what they begin with."""
    layer.build(*shapes)
    for number, weight in enumerate(layer.weights):
        weight.assign(0.5 * floats(*weight.shape, seed=100 + number))
    return layer


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def dense(layer, inputs):
    outputs = inputs @ as_numpy(layer.kernel)[0]
    return outputs + as_numpy(layer.bias)[0] if layer.use_bias else outputs


def attend(layer, query, source, mask):
    mask = None if mask is None else mask[:, None]
    return layer(query, *layer.project(source), mask)


STATES, SOURCE = floats(B, Q, U), floats(B, K, U, seed=1)


@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_is_its_equation(masked):
    layer = filled(MultiHeadAttention(U, H), (B, Q, U))
    mask = MASK if masked else None
    found = computed(lambda: attend(layer, STATES, SOURCE, mask))
    context, weights = as_numpy(found)
    query = dense(layer.query, STATES).reshape(B, Q, H, -1)
    keys = dense(layer.key, SOURCE).reshape(B, K, H, -1)
    values = dense(layer.value, SOURCE).reshape(B, K, H, -1)
    scores = np.einsum("bqhd,bkhd->bqhk", query, keys) / np.sqrt(U / H)
    if masked:
        scores = np.where(MASK[:, None, None], scores, -np.inf)
    shares = softmax(scores)
    expected = np.einsum("bqhk,bkhd->bqhd", shares, values).reshape(B, Q, U)
    expected = dense(layer.outer, expected)
    np.testing.assert_allclose(context, expected, atol=1e-5)
    np.testing.assert_allclose(weights, shares.transpose(0, 1, 3, 2), atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)


def test_heads_have_to_divide_the_width():
    with pytest.raises(ValueError, match="3 heads do not divide"):
        MultiHeadAttention(10, 3)


def celu_normal(layer, inputs):
    """`norm(celu(W x + b))`, written out."""
    hidden = dense(layer.dense, inputs)
    hidden = np.where(hidden > 0, hidden, np.expm1(np.minimum(hidden, 0)))
    hidden = hidden - hidden.mean(axis=-1, keepdims=True)
    hidden = hidden / np.sqrt(np.mean(hidden**2, -1, keepdims=True) + 1e-5)
    gamma, beta = as_numpy([layer.norm.gamma, layer.norm.beta])
    return hidden * gamma + beta


@pytest.mark.parametrize("masked", [False, True])
def test_x_linear_attention_is_its_pairwise_form(masked):
    layer = filled(XLinearAttention(U), (B, Q, U))
    mask = MASK if masked else None
    found = computed(lambda: attend(layer, STATES, SOURCE, mask))
    context, weights = as_numpy(found)
    first, second = (
        celu_normal(part, STATES)[:, :, None]
        for part in (layer.query, layer.second)
    )
    keys, values = (
        celu_normal(part, SOURCE)[:, None] for part in (layer.key, layer.value)
    )
    kernel, bias, score = as_numpy(
        [layer.pair_kernel, layer.pair_bias, layer.score_kernel]
    )
    pairs = np.maximum((first * keys) @ kernel + bias, 0)  # (B, Q, K, U // 2)
    kept = MASK[:, None] if masked else np.ones((B, 1, K), bool)
    scores = np.where(kept, (pairs @ score)[..., 0], -np.inf)
    shares = softmax(scores)
    pooled = (pairs * kept[..., None]).sum(axis=2)
    pooled = pooled / kept.sum(axis=-1)[..., None]
    gate = 1 / (1 + np.exp(-dense(layer.gate, pooled)))
    # The published form: a value for each pair.
    expected = gate * (shares[..., None] * (second * values)).sum(axis=2)
    np.testing.assert_allclose(context, expected, atol=1e-5)
    np.testing.assert_allclose(weights, shares, atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_x_linear_dropout_keeps_its_share():
    layer = XLinearAttention(U, dropout=0.3)
    query, keys = (ops.convert_to_tensor(floats(B, 101, 2)) for _ in range(2))
    first, second = as_numpy(computed(lambda: layer._noise(query, keys)))
    drawn = (first[:, :, None] + second[:, None]) % 1
    assert abs((drawn < 0.3).mean() - 0.3) < 0.02


def test_positions_are_their_equations():
    cells = np.random.default_rng(2).random((B, K, 9)).astype("float32")
    grid = cells.reshape(B, K, 3, 3)
    rows, columns = grid.sum(axis=3), grid.sum(axis=2)
    inputs = [(B, K, U), (B, K, 9)]
    cross = filled(GridPositions(U), *inputs)
    expected = dense(cross.of_features, SOURCE) + dense(cross.of_rows, rows)
    expected = expected + dense(cross.of_columns, columns)
    found = computed(lambda: cross(SOURCE, cells))
    np.testing.assert_allclose(as_numpy(found)[0], expected, atol=1e-5)

    fixed = FixedGridPositions(U)
    expected = SOURCE.copy()
    for row in range(3):
        for column in range(3):
            place = sinusoid(3, U)[column] + sinusoid(3, U, True)[row]
            expected += grid[:, :, row, column, None] * place
    found = computed(lambda: fixed(SOURCE, cells))
    np.testing.assert_allclose(as_numpy(found)[0], expected, atol=1e-5)


def test_sinusoid_is_its_equation():
    table = sinusoid(4, 5)
    for place in range(4):
        for number in range(5):
            angle = place / 1e4 ** (2 * (number // 2) / 5)
            wave = np.cos(angle) if number % 2 else np.sin(angle)
            assert table[place, number] == pytest.approx(wave, abs=1e-6)


def test_geometry_is_its_equation():
    corners = boxes(B, K)
    found = as_numpy(computed(lambda: RelativeGeometry()(corners)))[0]
    assert found.shape == (B, K, K, 64)
    for one, other in ((0, 3), (5, 2), (4, 4)):
        m, n = corners[1, one].astype(float), corners[1, other].astype(float)
        size_m, size_n = m[2:] - m[:2] + 1, n[2:] - n[:2] + 1
        apart = np.abs((m[:2] + m[2:]) / 2 - (n[:2] + n[2:]) / 2) / size_m
        relations = np.log([*np.maximum(apart, 1e-3), *(size_m / size_n)])
        angles = 100 * relations[:, None] * 1000 ** (-np.arange(8) / 8)
        waves = np.concatenate([np.sin(angles), np.cos(angles)])
        np.testing.assert_allclose(
            found[1, one, other], waves.ravel(), atol=2e-3
        )


def test_geometric_bias_weighs_attention():
    geometry = floats(B, K, K, 64)
    bias = filled(GeometricBias(H), geometry.shape)
    layer = filled(MultiHeadAttention(U, H), (B, K, U))
    keys = layer.project(SOURCE)
    shares = np.maximum(dense(bias.dense, geometry), 1e-6)  # (B, K, K, H)

    def both():
        _, plain = layer(SOURCE, *keys)
        _, biased = layer(SOURCE, *keys, bias=bias(geometry))
        return plain, biased

    plain, biased = as_numpy(computed(both))
    expected = plain * shares
    expected = expected / expected.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(biased, expected, rtol=1e-4, atol=1e-6)


def test_norms_and_feed_forward_are_their_equations():
    scale = floats(U)
    rms = filled(RootMeanSquareNormalization(), STATES.shape)
    rms.scale.assign(scale)
    size = np.sqrt(np.mean(STATES**2, axis=-1, keepdims=True))
    found = as_numpy(computed(lambda: rms(STATES)))[0]
    np.testing.assert_allclose(found, STATES / (size + 1e-8) * scale, rtol=1e-4)
    unbiased = UnbiasedNormalization()
    centred = STATES - STATES.mean(axis=-1, keepdims=True)
    expected = centred / (STATES.std(axis=-1, ddof=1, keepdims=True) + 1e-6)
    found = as_numpy(computed(lambda: unbiased(STATES)))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    forward = filled(FeedForward(F, U, "GELU"), STATES.shape)
    hidden = dense(forward.hidden, STATES)
    hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
    found = as_numpy(computed(lambda: forward(STATES)))[0]
    expected = dense(forward.outer, hidden)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["RMS", "unbiased"])
def test_norms_of_nothing_have_a_bounded_gradient(norm):
    states = keras.Variable(np.zeros((B, U), "float32"))
    layer = filled(transformer_normalization(norm), (B, U))
    slopes = floats(B, U)
    _, (found,) = value_and_gradients(
        lambda: ops.sum(layer(states + 0) * slopes), [states]
    )
    np.testing.assert_array_equal(found, 0)

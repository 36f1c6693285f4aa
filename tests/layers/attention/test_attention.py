"""Additive and adaptive attention against their equations in NumPy."""

import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed, value_and_gradients
from imcap.layers import AdaptiveAttention, AdditiveAttention

B, Q, K, D, E, U = 2, 3, 7, 11, 5, 13
MASK = np.arange(K) < np.array([[K], [4]])


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def additive(**options):
    layer = AdditiveAttention(U, **options)
    layer.build((B, Q, E), (B, K, D))
    scatter_biases(layer)
    return layer


def adaptive(sentinel=True, **options):
    layer = AdaptiveAttention(U, **options)
    layer.build((B, Q, D), (B, Q, D) if sentinel else None)
    scatter_biases(layer)
    return layer


def scatter_biases(layer):
    for number, weight in enumerate(layer.weights):
        if len(weight.shape) == 1:
            weight.assign(floats(*weight.shape, seed=number))


def look(layer, *arguments, mask=None, **options):
    """Context and weights of queries and values, as NumPy."""
    *queries, values = arguments

    def call():
        keys = layer.project(ops.convert_to_tensor(values))
        return layer(*queries, keys, values, mask, **options)

    return as_numpy(computed(call))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("biased", [True, False])
def test_additive_attention_follows_the_equation(activation, biased):
    layer = additive(activation=activation, use_score_bias=biased)
    query, values = floats(B, Q, E), floats(B, K, D, seed=1)
    context, weights = look(layer, query, values)
    from_query = query @ layer.query_dense.kernel.numpy()
    from_value = values @ layer.key_dense.kernel.numpy()
    from_value += layer.key_dense.bias.numpy()
    total = from_query[:, :, None] + from_value[:, None]
    hidden = np.tanh(total) if activation == "tanh" else np.maximum(total, 0)
    scores = (hidden @ layer.score_dense.kernel.numpy())[..., 0]
    np.testing.assert_allclose(weights, softmax(scores), atol=1e-5)
    expected = np.einsum("bqk,bkd->bqd", softmax(scores), values)
    np.testing.assert_allclose(context, expected, atol=1e-5)


def dense(layer, inputs):
    outputs = inputs @ layer.kernel.numpy()
    return outputs + layer.bias.numpy() if layer.use_bias else outputs


@pytest.mark.parametrize("sentinel", [True, False])
def test_adaptive_attention_follows_the_equation(sentinel):
    layer = adaptive(sentinel)
    hidden, values = floats(B, Q, D), floats(B, K, U, seed=1)
    blind = floats(B, Q, D, seed=2) if sentinel else None
    context, weights = look(layer, hidden, blind, values)
    hidden = np.tanh(dense(layer.hidden_dense, hidden))
    query = dense(layer.query_dense, hidden)
    keys = np.repeat(dense(layer.key_dense, values)[:, None], Q, axis=1)
    looked = np.repeat(values[:, None], Q, axis=1)  # (B, Q, K, U)
    if sentinel:
        blind = np.maximum(dense(layer.sentinel_dense, blind), 0)
        blind_key = dense(layer.sentinel_key_dense, blind)
        keys = np.concatenate([keys, blind_key[:, :, None]], axis=2)
        looked = np.concatenate([looked, blind[:, :, None]], axis=2)
    scores = dense(layer.score_dense, np.tanh(keys + query[:, :, None]))
    expected = softmax(scores[..., 0])
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    attended = np.einsum("bqk,bqku->bqu", expected, looked) + hidden
    np.testing.assert_allclose(context, attended, atol=1e-5)
    if sentinel:  # the paper's form: β ŝ + (1 − β) c
        share = weights[..., -1:]
        seen = weights[..., :-1] / (1 - share)
        paper = share * blind + (1 - share) * (seen @ values)
        np.testing.assert_allclose(context, paper + hidden, atol=1e-5)


CASES = {
    "additive": (additive, [floats(B, Q, E)], D),
    "adaptive": (adaptive, [floats(B, Q, D), floats(B, Q, D, seed=2)], U),
    "spatial": (lambda: adaptive(False), [floats(B, Q, D), None], U),
}
every_attention = pytest.mark.parametrize("name", CASES)


@every_attention
@pytest.mark.parametrize("junk", [np.nan, 1e30])
def test_locations_that_are_not_there_change_nothing(name, junk):
    make, queries, width = CASES[name]
    layer, values = make(), floats(B, K, width, seed=1)
    short = look(layer, *queries, values[:, :4])
    values[1, 4:] = junk
    context, weights = look(layer, *queries, values, mask=MASK)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(context[1], short[0][1], atol=1e-5)
    np.testing.assert_array_equal(weights[1, :, 4:K], 0)
    np.testing.assert_allclose(weights[1, :, :4], short[1][1, :, :4], atol=1e-5)
    assert np.all(weights[0] > 0)


@every_attention
def test_pictures_and_queries_are_independent(name):
    make, queries, width = CASES[name]
    layer, values = make(), floats(B, K, width, seed=1)
    before = look(layer, *queries, values)
    queries = [None if q is None else q.copy() for q in queries]
    values[0] = 5.0
    for query in queries:
        if query is not None:
            query[1, 1] = -3.0
    after = look(layer, *queries, values)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one[1, [0, 2]], other[1, [0, 2]], atol=1e-6)
        assert np.abs(one[1, 1] - other[1, 1]).max() > 1e-3
        assert np.abs(one[0] - other[0]).max() > 1e-3


@every_attention
def test_a_picture_without_locations(name):
    make, queries, width = CASES[name]
    layer, values = make(), floats(B, K, width, seed=1)
    nothing = MASK.copy()
    nothing[0] = False
    context, weights = look(layer, *queries, values, mask=nothing)
    assert np.all(np.isfinite(context))
    expected = 1 if name == "adaptive" else 0  # the sentinel is always there
    np.testing.assert_allclose(weights[0].sum(axis=-1), expected, atol=1e-6)


@every_attention
def test_gradients_do_not_see_what_is_not_there(name):
    make, queries, width = CASES[name]
    layer, values = make(), floats(B, K, width, seed=1)

    def slopes(filling):
        keys = as_numpy(layer.project(ops.convert_to_tensor(values)))[0]
        filled, held = keys.copy(), values.copy()
        filled[1, 4:] = held[1, 4:] = filling

        def loss():
            context, _ = layer(*queries, filled, held, MASK)
            return ops.sum(context * floats(*context.shape, seed=5))

        return value_and_gradients(loss, layer.trainable_variables)[1]

    for one, other in zip(slopes(np.nan), slopes(0.0), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_dropout_only_in_training():
    layer = adaptive(dropout=0.5)
    arguments = floats(B, Q, D), floats(B, Q, D, seed=2), floats(B, K, U)
    first, second = (look(layer, *arguments)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    dropped = look(layer, *arguments, training=True)[0]
    assert np.abs(first - dropped).max() > 0.01


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="positive"):
        AdditiveAttention(0)

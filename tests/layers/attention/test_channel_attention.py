"""Channel and spatial attention inside a network, against their equations."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed, value_and_gradients
from helpers.layer_checks import check_layer
from imcap.layers.attention.attended_map import ORDERS, AttendedMap
from imcap.layers.attention.channel_attention import ChannelAttention
from imcap.layers.attention.spatial_attention import SpatialAttention
from imcap.layers.cnn.sub_network import SubNetwork
from imcap.layers.dense import UnitLength
from imcap.layers.kernels import channel_score
from imcap.layers.packing import ZeroFirst
from imcap.layers.penalties import CoveragePenalty
from imcap.layers.recurrent.sca_lstm import ScaLSTM

B, N, T, K, C, R, E, U, A = 2, 3, 5, 7, 11, 4, 19, 13, 17


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


MASK = np.arange(K) < np.array([[K], [4]])
HIDDEN, VALUES, SIDE = floats(B, N, U), floats(B, K, C, seed=1), floats(B, K, R)
ATTENDED = [
    {
        "channels": C,
        "then": [
            {"conv": R},
            {"norm": 1e-3},
            {"add": R},
            {"activation": "relu6"},
        ],
    },
    {"channels": R, "then": [{"conv": 3, "use_bias": False}]},
]
REAL = np.arange(T) < np.array([[5, 2, 3], [1, 4, 0]])[..., None]
SHARES = np.random.default_rng(2).dirichlet(np.ones(K), (B, N, T))
SHARES = SHARES.astype("float32")


def attended_call(layer, query, values, mask):
    return layer(query, values, layer.prepare(values, mask), mask)


def lstm_call(layer, words, values, start, side, mask):
    known = layer.prepare(values, mask)
    return layer(words, values, known, start, side, mask)


CASES = {
    "channel": {
        "make": lambda **options: ChannelAttention(A, 0.5, **options),
        "inputs": [HIDDEN, floats(B, C)],
        "shapes": [(B, N, U)],
        "weights": 4,
    },
    "channel, means of queries": {
        "make": lambda **options: ChannelAttention(A, 0.5, **options),
        "inputs": [HIDDEN, floats(B, N, C)],
        "shapes": [(B, N, U)],
        "weights": 4,
    },
    "spatial": {
        "make": lambda **options: SpatialAttention(A, 0.5, **options),
        "inputs": [HIDDEN, VALUES, MASK],
        "shapes": [(B, N, U), (B, K, C)],
        "weights": 4,
        "call": lambda layer, query, values, mask: layer(
            query, layer.project(values), values, mask
        ),
    },
    **{
        f"attended map {order}": {
            "make": lambda order=order, **options: AttendedMap(
                A, order, 0.5, **options
            ),
            "inputs": [HIDDEN, VALUES, MASK],
            "shapes": [(B, N, U), (B, K, C)],
            "weights": 4 * len(order.split("-")),
            "call": attended_call,
        }
        for order in ORDERS
    },
    "sub-network": {
        "make": lambda **options: SubNetwork(ATTENDED[0]["then"], **options),
        "inputs": [floats(B * N, K, C), SIDE],
        "shapes": [(B * N, K, C)],
        "weights": 6,
    },
    "wide sub-network": {
        "make": lambda **options: SubNetwork(
            [{"conv": 5, "kernel": 3}], grid=(7, 1), **options
        ),
        "inputs": [VALUES],
        "shapes": [(B, K, C)],
        "weights": 2,
    },
    "sca lstm": {
        "make": lambda **options: ScaLSTM(
            U, A, ATTENDED, selector=True, stddev=0.5, **options
        ),
        "inputs": [floats(B, N, T, E), VALUES, floats(B, 2 * U), SIDE, MASK],
        "shapes": [(B, N, T, E)],
        "weights": 6 + 2 * 8 + 6 + 1,
        "call": lstm_call,
    },
    "unit length": {
        "make": UnitLength,
        "inputs": [VALUES],
        "shapes": [(B, K, C)],
        "weights": 0,
    },
    "zero first": {
        "make": ZeroFirst,
        "inputs": [floats(B, N, T, E)],
        "shapes": [(B, N, T, E)],
        "weights": 0,
    },
    "coverage penalty": {
        "make": lambda **options: CoveragePenalty(0.3, **options),
        "inputs": [floats(B, N, T, U), SHARES, REAL, MASK],
        "shapes": [(B, N, T, U)],
        "weights": 0,
    },
}


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    check_layer(**CASES[name])


def filled(layer, *shapes):
    """The layer, its weights, and all of them by the ends of their paths."""
    layer.build(*shapes)
    for number, weight in enumerate(layer.weights):
        weight.assign(0.4 * floats(*weight.shape, seed=number))
    return layer, {
        "/".join(weight.path.split("/")[-2:]): ops.convert_to_numpy(weight)
        for weight in layer.weights
    }


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def channel_weights(of, mean, hidden):
    """β (C,) for one mean (C,) and one state (U,)."""
    hidden = hidden @ of["query/kernel"] + of["query/bias"]
    inner = np.tanh(mean[:, None] * of["key_kernel"] + hidden)  # (C, A)
    return softmax(inner @ of["score_kernel"][:, 0])


def spatial_weights(of, values, hidden):
    """α (K,) for one map (K, C) and one state (U,)."""
    keys = values @ of["key/kernel"] + of["key/bias"]
    inner = np.tanh(keys + hidden @ of["query/kernel"])
    return softmax(inner @ of["score/kernel"][:, 0])


def test_channel_attention_is_its_equation():
    layer, weights = filled(ChannelAttention(A), HIDDEN.shape)
    of = {
        name.removeprefix("channel_attention/"): weights[name]
        for name in weights
    }
    of = {(n if "query" in n else n.split("/")[-1]): v for n, v in of.items()}
    means = floats(B, C, seed=9)
    context, found = as_numpy(computed(lambda: layer(HIDDEN, means)))
    for b, n in np.ndindex(B, N):
        beta = channel_weights(of, means[b], HIDDEN[b, n])
        np.testing.assert_allclose(found[b, n], beta, atol=1e-6)
        np.testing.assert_allclose(
            context[b, n], C * beta * means[b], atol=1e-5
        )
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)


def attended(order, values, of, hidden):
    """One modulated map (K, C) and its weights, from the equations."""
    seen, found = values, {}
    for letter in order.split("-"):
        if letter == "C":
            beta = channel_weights(of["channel"], seen.mean(axis=0), hidden)
            seen, found["channels"] = len(beta) * beta * seen, beta
        else:
            alpha = spatial_weights(of["spatial"], seen, hidden)
            seen = len(alpha) * alpha[:, None] * seen
            found["weights"] = alpha
    return seen, found


def parts_of(layer):
    """Weights of an `AttendedMap` for `attended`."""
    found = {}
    for name in ("channel", "spatial"):
        part = getattr(layer, name)
        if part is None:
            continue
        found[name] = {}
        for weight in part.weights:
            *_, owner, last = weight.path.split("/")
            key = f"{owner}/{last}" if last in ("kernel", "bias") else last
            found[name][key] = ops.convert_to_numpy(weight)
    return found


@pytest.mark.parametrize("order", ORDERS)
def test_attended_map_is_its_equations(order):
    layer, _ = filled(AttendedMap(A, order), HIDDEN.shape, VALUES.shape)
    of = parts_of(layer)
    context, modulated, seen = computed(
        lambda: attended_call(layer, HIDDEN, VALUES, MASK)
    )
    context, modulated = as_numpy(context)[0], as_numpy(modulated)[0]
    modulated = modulated.reshape(B, N, K, C)
    seen = {name: as_numpy(seen[name])[0] for name in seen}
    for b, n in np.ndindex(B, N):
        real = MASK[b].sum()
        expected, weights = attended(order, VALUES[b, :real], of, HIDDEN[b, n])
        np.testing.assert_allclose(
            modulated[b, n, :real], expected, atol=1e-5, rtol=1e-4
        )
        np.testing.assert_allclose(
            context[b, n], expected.mean(axis=0), atol=1e-5, rtol=1e-4
        )
        assert set(seen) == set(weights)
        for name, each in weights.items():
            np.testing.assert_allclose(
                seen[name][b, n, : len(each)], each, atol=1e-6
            )


@pytest.mark.parametrize("channels", [1, 4, 128])
def test_parts_of_channels_change_nothing(channels, monkeypatch):
    monkeypatch.setattr(channel_score, "CHANNELS", channels)
    sizes = [(B, N, A), (B, C), (A,), (A, 1)]
    parts = [
        keras.Variable(floats(*size, seed=number))
        for number, size in enumerate(sizes)
    ]
    factors = floats(B, N, C, seed=8)

    def plain():
        query, means, kernel, weight = (ops.reshape(p, p.shape) for p in parts)
        hidden = means[:, None, :, None] * kernel + query[:, :, None]
        scores = ops.matmul(ops.tanh(hidden), weight)[..., 0]
        return ops.sum(scores * factors)

    def in_parts():
        tensors = [ops.reshape(each, each.shape) for each in parts]
        return ops.sum(channel_score.channel_score(*tensors) * factors)

    expected, slopes = value_and_gradients(plain, parts)
    found, own_slopes = value_and_gradients(in_parts, parts)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for one, other in zip(own_slopes, slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

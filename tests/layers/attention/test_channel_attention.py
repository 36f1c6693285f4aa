"""Channel and spatial attention inside a network, against their equations."""

import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from helpers.sca_layers import (
    HIDDEN,
    MASK,
    VALUES,
    A,
    B,
    C,
    K,
    N,
    attended_call,
    filled,
    floats,
)
from imcap.layers.attention.attended_map import ORDERS, AttendedMap
from imcap.layers.attention.channel_attention import ChannelAttention


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

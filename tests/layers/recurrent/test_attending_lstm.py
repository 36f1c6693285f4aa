"""Recurrences that look at every word, against their equations."""

import keras
import numpy as np
import pytest

from helpers.attending_layers import (
    MASK,
    REAL,
    VALUES,
    WORDS,
    A,
    B,
    D,
    N,
    T,
    U,
    floats,
    randomised,
)
from helpers.backend import as_numpy, computed
from imcap.layers.cnn.feature_normalization import FeatureNormalization
from imcap.layers.kernels.loops import unroll
from imcap.layers.masking import LocationDropout
from imcap.layers.packing import unpack
from imcap.layers.recurrent.attended_input_lstm import AttendedInputLSTM
from imcap.layers.recurrent.attending_lstm import AttendingLSTM
from imcap.layers.recurrent.top_down_lstm import TopDownLSTM


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


class Weights(dict):
    """Weights by the end of their path."""

    def __call__(self, end):
        (found,) = [v for k, v in self.items() if k.endswith(end)]
        return found

    def score(self, query, keys):
        hidden = np.tanh(keys + query @ self("query/kernel"))
        return (hidden @ self("score/kernel"))[:, 0]


def lstm(gates, hidden, carry, kernel):
    i, f, o, g = np.split(gates + hidden @ kernel, 4)
    carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(carry), carry


def built(layer, call):
    """The layer built, its weights drawn, and what it then computes."""
    call()
    weights = Weights(randomised(layer))
    return weights, computed(call)


def test_attending_lstm_follows_the_equations():
    layer, start = AttendingLSTM(U, A), floats(B, 2 * U, seed=4)
    w, seen = built(layer, lambda: layer(WORDS, VALUES, start, MASK))
    found = {name: as_numpy(part)[0] for name, part in seen.items()}
    assert set(found) == {"hidden", "weights", "soft", "gate"}
    for b, n in np.ndindex(B, N):
        values = VALUES[b, MASK[b]]
        keys = values @ w("key/kernel") + w("key/bias")
        h, c = np.split(start[b], 2)
        for t in range(T):
            alpha = softmax(w.score(h, keys))
            beta = sigmoid(
                h @ w("selector/kernel")[:, 0] + w("selector/bias")[0]
            )
            z = beta * (alpha @ values)
            gates = WORDS[b, n, t] @ w("word_gates/kernel")
            gates = gates + w("word_gates/bias")
            gates = gates + z @ w("value_gates/kernel")
            h, c = lstm(gates, h, c, w("recurrent_kernel"))
            place = (b, n, t)
            np.testing.assert_allclose(found["hidden"][place], h, atol=1e-5)
            np.testing.assert_allclose(found["gate"][place], beta, atol=1e-5)
            np.testing.assert_allclose(
                found["weights"][place][MASK[b]], alpha, atol=1e-5
            )
            assert not found["weights"][place][~MASK[b]].any()


def test_top_down_lstm_follows_the_equations():
    layer, image = TopDownLSTM(U, A), floats(B, D, seed=4)
    w, (hidden, weights) = built(
        layer, lambda: layer(WORDS, image, VALUES, MASK)
    )
    hidden, weights = as_numpy(hidden)[0], as_numpy(weights)[0]
    for b, n in np.ndindex(B, N):
        values = VALUES[b, MASK[b]]
        keys = values @ w("key/kernel") + w("key/bias")
        h1 = c1 = h2 = c2 = np.zeros(U)
        for t in range(T):
            gates = WORDS[b, n, t] @ w("word_gates/kernel")
            gates = gates + w("word_gates/bias")
            gates = gates + image[b] @ w("image_gates/kernel")
            gates = gates + h2 @ w("language_gates/kernel")
            h1, c1 = lstm(gates, h1, c1, w("attention_recurrent"))
            alpha = softmax(w.score(h1, keys))
            gates = alpha @ values @ w("value_gates/kernel")
            gates = gates + w("value_gates/bias")
            gates = gates + h1 @ w("attended_gates/kernel")
            h2, c2 = lstm(gates, h2, c2, w("language_recurrent"))
            np.testing.assert_allclose(hidden[b, n, t], h2, atol=1e-5)
            np.testing.assert_allclose(
                weights[b, n, t][MASK[b]], alpha, atol=1e-5
            )


def test_attended_input_lstm_follows_the_equations():
    layer = AttendedInputLSTM(U, A)
    w, (hidden, _) = built(layer, lambda: layer(WORDS, VALUES, MASK))
    hidden = as_numpy(hidden)[0]
    for b, n in np.ndindex(B, N):
        values = VALUES[b, MASK[b]]
        keys = values @ w("key/kernel") + w("key/bias")
        h = c = np.zeros(U)
        for t in range(T):
            z = softmax(w.score(h, keys)) @ values
            gates = WORDS[b, n, t] @ w("word_gates/kernel")
            gates = gates + w("word_gates/bias") + h @ w("recurrent_kernel")
            i, f, o = np.split(sigmoid(gates[: 3 * U]), 3)
            halves = gates[3 * U :] + z @ w("value_gates/kernel")
            halves = halves + w("value_gates/bias")
            c = f * c + i * np.maximum(*np.split(halves, 2))
            h = o * np.tanh(c)
            np.testing.assert_allclose(hidden[b, n, t], h, atol=1e-5)


def test_unpack_puts_numbers_back():
    real = REAL.reshape(B, -1)
    slots = np.argsort(~real, axis=1, kind="stable")
    slots = slots[:, : real.sum(axis=1).max()].astype("int32")
    counts = real.sum(axis=1, keepdims=True)
    words = np.flatnonzero(np.arange(slots.shape[1]) < counts)
    numbers = floats(B, N, T)
    flat = np.take_along_axis(numbers.reshape(B, -1), slots, axis=1)
    packed = flat.ravel()[words]
    # Two more, as where the number of words was rounded up.
    more = np.append(words, [0, 0]).astype("int32")
    packed = np.append(packed, [5.0, 5.0]).astype("float32")
    found = as_numpy(unpack(packed, slots, more, (B, N, T)))[0]
    np.testing.assert_allclose(found, numbers * REAL, rtol=1e-6)


def test_feature_normalization_learns_its_statistics():
    layer = FeatureNormalization(momentum=0.0)
    layer(VALUES)
    trained = as_numpy(layer(VALUES, MASK, training=True))[0]
    kept = VALUES[MASK]
    mean, variance = kept.mean(axis=0), kept.var(axis=0)
    expected = (VALUES - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(trained[MASK], expected[MASK], atol=1e-4)
    later = as_numpy(layer(VALUES))[0]
    np.testing.assert_allclose(later, expected, atol=1e-4)


def test_location_dropout_hides_a_share_in_training_only():
    layer, values = LocationDropout(0.25), floats(40, 50, 1)
    assert as_numpy(layer(values))[0].all()
    share = as_numpy(layer(values, training=True))[0].mean()
    assert 0.70 < share < 0.80
    some = np.arange(50) < 30
    hidden = as_numpy(layer(values, np.tile(some, (40, 1)), training=True))[0]
    assert not hidden[:, 30:].any()


def test_a_loop_needs_to_know_its_length():
    symbol = keras.KerasTensor((B, N, None, U))
    with pytest.raises(ValueError, match="known beforehand"):
        unroll(lambda word, state: (word, state), symbol, ())

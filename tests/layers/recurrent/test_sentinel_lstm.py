"""The sentinel LSTM against a loop in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from helpers.backend import as_numpy, computed
from imcap.layers import SentinelLSTM, SentinelLSTMCell

B, N, T, D, E, U = 2, 3, 5, 7, 11, 13
VARIANTS = [
    (sgate, activation)
    for sgate in (True, False)
    for activation in ("sigmoid", "hard_sigmoid")
]
variants = pytest.mark.parametrize("sgate, activation", VARIANTS)


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make(sgate=True, activation="sigmoid", width=D + E):
    """A layer whose gates reach both ends of the hard sigmoid."""
    cell = SentinelLSTMCell(U, sgate=sgate, recurrent_activation=activation)
    layer = SentinelLSTM(cell)
    layer.build((B, N, T, width))
    cell.bias.assign(2 * floats(cell.gates * U, seed=9))
    return layer


def step_by_equation(cell, x, h, c):
    """i, f, o, g = squash(W x + R h + b), the candidate tanh."""
    kernel, recurrent, bias = cell.get_weights()
    total = x @ kernel + h @ recurrent + bias
    *gates, candidate = np.split(total, cell.gates, axis=-1)
    if cell.recurrent_activation == "sigmoid":
        gates = [1 / (1 + np.exp(-gate)) for gate in gates]
    else:
        gates = [np.clip(0.2 * gate + 0.5, 0, 1) for gate in gates]
    c = gates[1] * c + gates[0] * np.tanh(candidate)
    sentinel = gates[3] * np.tanh(c) if cell.sgate else None
    return gates[2] * np.tanh(c), c, sentinel


def sequence_by_equation(cell, words, image=None):
    h = c = np.zeros((*words.shape[:2], U))
    hidden, sentinels = [], []
    for step in range(words.shape[2]):
        x = words[:, :, step]
        if image is not None:
            repeated = np.repeat(image[:, None], x.shape[1], axis=1)
            x = np.concatenate([repeated, x], axis=-1)
        h, c, sentinel = step_by_equation(cell, x, h, c)
        hidden.append(h)
        sentinels.append(sentinel)
    if not cell.sgate:
        return [np.stack(hidden, axis=2)]
    return [np.stack(hidden, axis=2), np.stack(sentinels, axis=2)]


@variants
def test_sequence_follows_the_equation(sgate, activation):
    layer = make(sgate, activation)
    words, image = 3 * floats(B, N, T, D), 3 * floats(B, E, seed=1)
    found = as_numpy(computed(lambda: layer(words, image)))
    expected = sequence_by_equation(layer.cell, words, image)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@settings(max_examples=8, deadline=None)
@given(
    variant=st.sampled_from(VARIANTS),
    steps=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_steps_are_the_sequence(variant, steps, seed):
    layer = make(*variant)
    words = 2 * floats(B, N, steps, D, seed=seed)
    image = floats(B, E, seed=seed)
    # A float tensor, not NumPy: the layer's methods do not convert.
    whole = as_numpy(layer(words, image))
    h = c = ops.zeros((B, N, U))
    for step in range(steps):
        gates = layer.project(
            ops.convert_to_tensor(words[:, :, step]),
            ops.convert_to_tensor(image),
        )
        said, (h, c) = layer.cell(gates, (h, c), projected=True)
        for one, other in zip(as_numpy(said), whole, strict=True):
            np.testing.assert_allclose(one, other[:, :, step], atol=1e-5)


def test_cell_takes_inputs_and_projections():
    cell = make(width=D).cell
    x, h, c = floats(B, N, D), floats(B, N, U), floats(B, N, U, seed=1)
    plain = as_numpy(cell(x, (h, c)))
    projected = cell.project(ops.convert_to_tensor(x))
    again = as_numpy(cell(projected, (h, c), projected=True))
    hidden, carry, sentinel = step_by_equation(cell, x, h, c)
    expected = [hidden, sentinel, hidden, carry]
    for one, two, three in zip(plain, again, expected, strict=True):
        np.testing.assert_allclose(one, three, atol=1e-5)
        np.testing.assert_allclose(two, three, atol=1e-5)


def test_captions_and_images_are_independent():
    layer = make()
    words, image = floats(B, N, T, D), floats(B, E, seed=1)
    before = as_numpy(layer(words, image))
    words[0, 1], image[1] = 7.0, 5.0
    after = as_numpy(layer(words, image))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one[0, 0], other[0, 0], atol=1e-6)
        np.testing.assert_allclose(one[0, 2], other[0, 2], atol=1e-6)
        assert np.abs(one[0, 1] - other[0, 1]).max() > 0.01
        assert np.abs(one[1] - other[1]).max() > 0.01


def test_later_words_do_not_reach_earlier_states():
    layer = make(width=D)
    words = floats(B, N, T, D)
    before = as_numpy(layer(words))[0]
    words[:, :, 3:] = 9.0
    after = as_numpy(layer(words))[0]
    np.testing.assert_array_equal(before[:, :, :3], after[:, :, :3])
    assert np.abs(before[:, :, 3:] - after[:, :, 3:]).max() > 0.01


def test_initial_weights():
    cell = SentinelLSTMCell(U, forget_bias=2.0)
    cell.build((B, N, D))
    kernel, recurrent, bias = cell.get_weights()
    assert kernel.shape == (D, 5 * U)
    for block in np.split(recurrent, 5, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(U), atol=1e-5)
    np.testing.assert_array_equal(bias[U : 2 * U], 2)
    np.testing.assert_array_equal(np.delete(bias, np.s_[U : 2 * U]), 0)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="recurrent_activation"):
        SentinelLSTMCell(U, recurrent_activation="relu")

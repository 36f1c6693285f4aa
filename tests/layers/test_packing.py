"""Packed words are the right rows of the rectangle they came from."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from helpers.backend import as_numpy
from imcap.layers import (
    Captions,
    RealWords,
    RowDense,
    WordsOfImage,
    row_product,
)
from imcap.layers.packing import Packing

B, N, T, U, V = 2, 3, 5, 7, 11
LENGTHS = [[5, 2, 3], [1, 4, 2]]


def pack(lengths):
    """Slots (B, M) and words (W,) of captions of these lengths (B, N)."""
    real = (np.arange(T) < np.asarray(lengths)[..., None]).reshape(B, -1)
    width = real.sum(axis=1).max()
    slots = np.zeros((B, width), "int32")
    words = []
    for image, row in enumerate(real):
        places = np.flatnonzero(row)
        slots[image, : len(places)] = places
        words += [image * width + number for number in range(len(places))]
    return slots, np.array(words, "int32"), real


@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(1, T), min_size=B * N, max_size=B * N))
def test_packed_states_are_rows_of_the_dense_ones(lengths):
    slots, words, real = pack(np.reshape(lengths, (B, N)))
    states = np.random.default_rng(0).normal(size=(B, N, T, U))
    states = ops.convert_to_tensor(states.astype("float32"))
    by_image = WordsOfImage()(states, slots)
    assert tuple(by_image.shape) == (B, slots.shape[1], U)
    packed = as_numpy(RealWords()(by_image, words))[0]
    expected = as_numpy(states)[0].reshape(-1, U)[real.ravel()]
    np.testing.assert_array_equal(packed, expected)


def test_packing_is_the_three_in_order():
    slots, words, real = pack(LENGTHS)
    states = np.random.default_rng(0).normal(size=(B, N, T, U))
    states = ops.convert_to_tensor(states.astype("float32"))
    tokens = np.ones((B, N, T), "int32")
    flat = as_numpy(states)[0].reshape(-1, U)
    packing = Packing({"tokens": tokens, "slots": slots, "words": words})
    rows = packing.captions(packing.real(packing.by_image(states)))
    np.testing.assert_array_equal(as_numpy(rows)[0], flat[real.ravel()])
    packing = Packing({"tokens": tokens, "slots": None, "words": None})
    whole = packing.captions(packing.real(packing.by_image(states)))
    np.testing.assert_array_equal(as_numpy(whole)[0], as_numpy(states)[0])


def test_without_slots_nothing_is_packed():
    states = np.random.default_rng(0).normal(size=(B, N, T, U))
    by_image = WordsOfImage()(states.astype("float32"))
    expected = states.astype("float32").reshape(B, N * T, U)
    np.testing.assert_array_equal(as_numpy(by_image)[0], expected)
    np.testing.assert_array_equal(as_numpy(RealWords()(by_image))[0], expected)


def test_captions_get_their_shape_back():
    logits = np.arange(B * N * T * V, dtype="float16").reshape(B, N * T, V)
    tokens = np.zeros((B, N, T), "int32")
    dense = Captions(dtype="float32")(logits, tokens)
    np.testing.assert_array_equal(
        as_numpy(dense)[0], logits.astype("float32").reshape(B, N, T, V)
    )
    packed, words = logits[0, :4], np.arange(4)
    again = Captions(dtype="float32")(packed, tokens, words)
    np.testing.assert_array_equal(as_numpy(again)[0], packed)


def test_rows_are_those_of_a_product():
    inputs = np.random.default_rng(0).normal(size=(B, N, T, U))
    kernel = np.random.default_rng(1).normal(size=(U, V))
    layer = RowDense(V, activation="relu")
    layer.build((B, N, T, U))
    layer.set_weights([kernel, np.linspace(-1, 1, V)])
    expected = inputs @ kernel
    for part, wanted in (
        (inputs, expected),
        (inputs[0, 0], expected[0, 0]),
        (inputs[0], expected[0]),
    ):
        part = ops.convert_to_tensor(part.astype("float32"))
        product = row_product(part, kernel.astype("float32"))
        np.testing.assert_allclose(as_numpy(product)[0], wanted, atol=1e-5)
        biased = np.maximum(wanted + np.linspace(-1, 1, V), 0)
        np.testing.assert_allclose(as_numpy(layer(part))[0], biased, atol=1e-5)

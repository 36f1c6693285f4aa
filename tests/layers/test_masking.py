"""Softmax and mean over what exists, whatever stands in the rest."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, value_and_gradients
from imcap.layers import (
    LocationMasking,
    mask_locations,
    masked_mean,
    masked_softmax,
    token_mask,
)

B, Q, K, D = 2, 3, 7, 5
MASK = np.arange(K) < np.array([[K], [4]])


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_padding_is_what_stands_behind_bos():
    tokens = np.array([[[0, 5, 7, 0], [1, 2, 0, 0]]], "int32")
    expected = [[[True, True, True, False], [True, True, False, False]]]
    found = ops.convert_to_numpy(token_mask(ops.convert_to_tensor(tokens)))
    np.testing.assert_array_equal(found, expected)
    for time in range(4):  # one word after another
        column = ops.convert_to_tensor(tokens[:, :, time])
        step = ops.convert_to_numpy(token_mask(column, time))
        np.testing.assert_array_equal(step, found[:, :, time])


def test_softmax_without_a_mask_is_the_softmax():
    scores = floats(B, Q, K)
    found = as_numpy(masked_softmax(ops.convert_to_tensor(scores)))[0]
    np.testing.assert_allclose(found, softmax(scores), rtol=1e-5)


@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf, 3e38])
def test_softmax_is_that_of_the_kept_entries(junk):
    scores = floats(B, Q, K)
    scores[1, :, 4:] = junk
    tensor = ops.convert_to_tensor(scores)
    found = as_numpy(masked_softmax(tensor, MASK[:, None]))[0]
    np.testing.assert_allclose(found[0], softmax(scores[0]), rtol=1e-5)
    expected = softmax(scores[1, :, :4])
    np.testing.assert_allclose(found[1, :, :4], expected, rtol=1e-5)
    np.testing.assert_array_equal(found[1, :, 4:], 0)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-6)


def test_softmax_runs_along_another_axis():
    scores = floats(B, K, D)
    found = masked_softmax(ops.convert_to_tensor(scores), MASK[..., None], 1)
    np.testing.assert_allclose(as_numpy(found)[0].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(as_numpy(found)[0][1, 4:], 0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_nothing_to_keep_gives_zeros(dtype):
    scores = ops.cast(floats(B, Q, K) * 100, dtype)
    weights = masked_softmax(scores, np.zeros((B, 1, K), bool))
    np.testing.assert_array_equal(as_numpy(weights)[0], 0)
    values = ops.cast(floats(B, K, D), dtype)
    mean = masked_mean(values, np.zeros((B, K), bool))
    np.testing.assert_array_equal(as_numpy(mean)[0], 0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_full(dtype):
    scores = ops.cast(floats(B, Q, K) * 20, dtype)
    weights = as_numpy(masked_softmax(scores, MASK[:, None]))[0]
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=0.01)
    # The sum of these, 7 * 30000, is beyond float16.
    values = ops.cast(np.full((B, K, D), 30000.0, "float32"), dtype)
    for mask in (None, MASK):
        mean = as_numpy(masked_mean(values, mask))[0]
        np.testing.assert_allclose(mean, 30000, rtol=0.01)


def test_mean_counts_what_is_kept():
    values = floats(B, K, D)
    plain = as_numpy(masked_mean(ops.convert_to_tensor(values)))[0]
    np.testing.assert_allclose(plain, values.mean(axis=1), rtol=1e-5)
    values[1, 4:] = np.nan
    found = as_numpy(masked_mean(ops.convert_to_tensor(values), MASK))[0]
    np.testing.assert_allclose(found[0], values[0].mean(axis=0), rtol=1e-5)
    expected = values[1, :4].mean(axis=0)
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)


def test_mask_locations_forgets_the_rest():
    values = floats(B, K, D)
    values[1, 4:] = np.nan
    found = as_numpy(mask_locations(ops.convert_to_tensor(values), MASK))[0]
    np.testing.assert_array_equal(found, np.where(MASK[..., None], values, 0))
    assert mask_locations(values) is values


def test_gradients_are_finite_where_nothing_is_kept():
    import keras

    scores = keras.Variable(floats(B, Q, K))

    def loss():
        weights = masked_softmax(scores * 1.0, np.zeros((B, 1, K), bool))
        return ops.sum(weights * floats(B, Q, K, seed=1))

    _, (slope,) = value_and_gradients(loss, [scores])
    np.testing.assert_array_equal(slope, 0)


def test_location_masking_keeps_its_first_name_in_saved_models():
    config = keras.saving.serialize_keras_object(LocationMasking())
    assert config["registered_name"] == "imcap>KeptLocations"

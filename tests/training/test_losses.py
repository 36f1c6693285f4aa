"""Cross-entropy of words against NumPy."""

import keras
import numpy as np
import pytest

from imcap.training.losses import WordCrossEntropy

W, V = 7, 11


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def log_softmax(logits):
    logits = logits.astype("float64")
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


WORDS = np.random.default_rng(1).integers(0, V, size=W, dtype="int32")
LOGITS, WEIGHTS = 3 * floats(W, V), np.abs(floats(W, seed=2))


def test_weighted_sum():
    said = -log_softmax(LOGITS)[np.arange(W), WORDS]
    found = WordCrossEntropy()(WORDS, LOGITS, WEIGHTS)
    np.testing.assert_allclose(found, said @ WEIGHTS, rtol=1e-5)
    np.testing.assert_allclose(
        WordCrossEntropy()(WORDS, LOGITS), said.mean(), rtol=1e-5
    )


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothing_is_the_divergence_up_to_a_constant(smoothing):
    target = np.full((W, V), smoothing / (V - 1))
    target[np.arange(W), WORDS] = 1 - smoothing
    divergence = (target * (np.log(target) - log_softmax(LOGITS))).sum(-1)
    entropy = -(target * np.log(target)).sum(-1)
    found = WordCrossEntropy(smoothing)(WORDS, LOGITS, WEIGHTS)
    expected = (divergence + entropy) @ WEIGHTS
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_padding_may_have_any_loss(smoothing):
    loss = WordCrossEntropy(smoothing)
    logits, weights = LOGITS.copy(), WEIGHTS.copy()
    weights[3] = 0
    expected = loss(np.delete(WORDS, 3), np.delete(LOGITS, 3, axis=0),
                    np.delete(WEIGHTS, 3))  # fmt: skip
    for junk in (np.nan, np.inf, -np.inf):
        logits[3] = junk
        found = loss(WORDS, logits, weights)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_advantages_may_be_negative():
    weights = floats(W, seed=3)
    assert weights.min() < 0 < weights.max()
    said = -log_softmax(LOGITS)[np.arange(W), WORDS]
    found = WordCrossEntropy()(WORDS, LOGITS, weights)
    np.testing.assert_allclose(found, said @ weights, rtol=1e-5)


def test_rectangles_and_half_precision():
    words, logits = WORDS[:6].reshape(1, 2, 3), LOGITS[:6].reshape(1, 2, 3, V)
    weights = WEIGHTS[:6].reshape(1, 2, 3)
    flat = WordCrossEntropy()(WORDS[:6], LOGITS[:6], WEIGHTS[:6])
    found = WordCrossEntropy()(words, logits, weights)
    np.testing.assert_allclose(found, flat, rtol=1e-6)
    half = WordCrossEntropy()(words, logits.astype("float16"), weights)
    assert keras.backend.standardize_dtype(half.dtype) == "float32"
    np.testing.assert_allclose(half, flat, rtol=1e-2)


def test_config_and_bad_arguments():
    loss = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(WordCrossEntropy(0.3))
    )
    assert loss.label_smoothing == 0.3
    for smoothing in (-0.1, 1.0):
        with pytest.raises(ValueError, match="label_smoothing"):
            WordCrossEntropy(smoothing)

"""What every captioner learns of words that are packed without padding."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import on_jax, value_and_gradients
from helpers.captioners import (
    VARIANTS,
    B,
    Built,
    N,
    T,
    V,
    every_captioner,
    make,
    packed,
)
from imcap.training.losses import WordCrossEntropy


@every_captioner
def test_packed_is_dense(variant):
    model = make(variant)
    inputs, targets, weights, real = packed(model)
    dense = {k: v for k, v in inputs.items() if k not in ("slots", "words")}
    loss = WordCrossEntropy(label_smoothing=0.1)
    places = np.take_along_axis(targets, inputs["slots"], axis=1)
    shares = np.take_along_axis(weights, inputs["slots"], axis=1)
    places, shares = (x.ravel()[inputs["words"]] for x in (places, shares))

    def dense_loss():
        shape = (B, N, T)
        return loss(
            targets.reshape(shape), model(dense), weights.reshape(shape)
        )

    def packed_loss():
        logits = model(inputs)
        assert tuple(logits.shape) == (real.sum(), V)
        return loss(places, logits, shares)

    weights_of = model.trainable_variables
    expected, slopes = value_and_gradients(dense_loss, weights_of)
    found, packed_slopes = value_and_gradients(packed_loss, weights_of)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for weight, one, other in zip(
        weights_of, slopes, packed_slopes, strict=True
    ):
        assert np.any(one), f"no gradient reaches {weight.path}"
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-3)


HALF = [(variant, "mixed_float16") for variant in VARIANTS if variant != "hard"]
# Layers are checked in both dtypes; of whole captioners one of each base.
HALF += [(each, "mixed_bfloat16") for each in ("sgate", "spatial transformer")]


@pytest.mark.parametrize("variant, policy", HALF)
def test_mixed_precision_trains_on_packed_words(variant, policy):
    model = make(variant, dtype=policy)
    assert model.output_dense.compute_dtype == policy.removeprefix("mixed_")
    inputs, targets, weights, _ = packed(model)
    places, shares = (
        np.take_along_axis(x, inputs["slots"], axis=1).ravel()[inputs["words"]]
        for x in (targets, weights / weights.sum())
    )
    optimizer = keras.optimizers.SGD(0.05)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 2.0**10)
    model.compile(
        optimizer,
        WordCrossEntropy(),
        jit_compile=on_jax(),
        # Two steps are sooner done than a graph of them is made.
        run_eagerly=not on_jax() and policy == "mixed_float16",
    )
    before = [
        ops.convert_to_numpy(weight).copy()
        for weight in model.trainable_variables
    ]
    history = model.fit(
        (part for part in [(inputs, places, shares)] * 2),
        steps_per_epoch=2,
        shuffle=False,
        verbose=0,
    )
    losses = history.history["loss"]
    assert np.all(np.isfinite(losses))
    for weight, old in zip(model.trainable_variables, before, strict=True):
        new = ops.convert_to_numpy(weight)
        assert weight.dtype == "float32"
        assert np.all(np.isfinite(new))
        assert np.any(new != old), f"{weight.path} did not learn"
    assert model.outputs[0].dtype == "float32"
    dense = {k: v for k, v in inputs.items() if k not in ("slots", "words")}
    logits, _ = Built(model).step_by_step(dense)
    assert np.all(np.isfinite(logits))

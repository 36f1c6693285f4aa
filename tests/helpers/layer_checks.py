"""What every layer has to pass, whatever it computes."""

import keras
import numpy as np
from keras import ops

from helpers.backend import as_numpy, computed, tensors, value_and_gradients


def check_layer(
    make,
    inputs,
    shapes,
    weights,
    call=None,
    dead=(),
    dtype=None,
    symbolic=True,
):
    """Config, weights, shapes, one training step and mixed precision.

    Args:
        make: function of keywords for `keras.layers.Layer` to a layer.
        inputs: list of positional call arguments, arrays or None.
        shapes: list of shapes that `build` alone has to do with.
        weights: int, number of weights.
        call: function of layer and inputs; None calls the layer.
        dead: names of weights that no gradient reaches.
        dtype: of the outputs; None for the compute dtype.
        symbolic: bool; False where an output is None, which a graph refuses.
    """
    call = call or (lambda layer, *arguments: layer(*arguments))
    layer = make()
    layer.build(*shapes)
    assert len(layer.weights) == weights
    outputs = computed(lambda: call(layer, *inputs))
    assert len(layer.weights) == weights
    _check_round_trip(layer, inputs, shapes, call, outputs)
    if symbolic:
        _check_symbolic(layer, inputs, call, outputs)
    _check_training_step(layer, inputs, call, outputs, dead)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        expected = dtype or policy.removeprefix("mixed_")
        _check_mixed(make(dtype=policy), inputs, shapes, call, expected)


def _check_round_trip(layer, inputs, shapes, call, outputs):
    config = keras.saving.serialize_keras_object(layer)
    registered = config["registered_name"]
    assert registered.startswith("imcap>")
    assert keras.saving.get_registered_object(registered) is type(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == layer.get_config()
    if not copy.built:
        copy.build(*shapes)
    copy.set_weights(layer.get_weights())
    again = as_numpy(computed(lambda: call(copy, *inputs)))
    for found, expected in zip(again, as_numpy(outputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def _check_symbolic(layer, inputs, call, outputs):
    symbols = keras.tree.map_structure(
        lambda part: keras.KerasTensor(part.shape, dtype=str(part.dtype)),
        inputs,
        none_is_leaf=False,
    )
    symbols = keras.tree.flatten(call(layer, *symbols))
    for said, found in zip(symbols, tensors(outputs), strict=True):
        sizes = zip(said.shape, found.shape, strict=True)
        assert all(one in (None, other) for one, other in sizes)
        assert said.dtype == keras.backend.standardize_dtype(found.dtype)


def _check_training_step(layer, inputs, call, outputs, dead):
    generator = np.random.default_rng(0)
    sizes = [part.shape for part in as_numpy(outputs)]
    factors = [generator.normal(size=s).astype("float32") for s in sizes]

    def loss():
        # Weighted at random: plain sums hide what a softmax moves about.
        pairs = zip(tensors(call(layer, *inputs)), factors, strict=True)
        return sum(ops.sum(part * factor) for part, factor in pairs)

    weights = layer.trainable_variables
    if not weights:
        return
    before, slopes = value_and_gradients(loss, weights)
    for weight, slope in zip(weights, slopes, strict=True):
        assert np.all(np.isfinite(slope)), weight.path
        reached = np.any(slope) or weight.path.endswith(tuple(dead))
        assert reached, f"no gradient reaches {weight.path}"
        weight.assign_sub(1e-4 * slope)
    assert float(computed(loss)) < before


def _check_mixed(layer, inputs, shapes, call, expected):
    layer.build(*shapes)
    outputs = computed(lambda: call(layer, *inputs))
    for part in tensors(outputs):
        assert keras.backend.standardize_dtype(part.dtype) == expected
    assert all(np.all(np.isfinite(part)) for part in as_numpy(outputs))

"""What every captioner has to pass, whatever it looks at."""

import keras
import numpy as np
from keras import ops

from helpers.backend import as_numpy, computed, on_jax, value_and_gradients
from helpers.captioners import B, Built, K, N, T, V, packed
from imcap.decoding import beam_search
from imcap.training.losses import WordCrossEntropy


def check_steps(built):
    """`step` gives the logits of whole captions, and attention that adds up."""
    inputs = built.padded(np.nan)
    inputs["mask"][1, 3:] = False
    whole = built.logits(inputs)
    assert whole.shape == (B, N, T, V)
    logits, attention = built.step_by_step(inputs)
    np.testing.assert_allclose(logits, whole, atol=1e-5)
    for now in attention:
        assert set(now) <= {"weights", "sentinel", "gate", "channels"}
        if "weights" not in now:
            continue
        weights = now["weights"]
        if weights.ndim == 4:  # heads
            np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)
            weights = weights.mean(axis=-1)
        assert weights.shape == (B, N, K + 2)
        np.testing.assert_array_equal(weights[1, :, 3:], 0)
        total = weights.sum(axis=-1) + now.get("sentinel", 0)
        np.testing.assert_allclose(total, 1, rtol=1e-5)


def check_padding(built):
    """Neither padded locations nor padded words change anything."""
    expected = built.logits(built.inputs)
    for junk in (0.0, np.nan, 1e30):
        found = built.logits(built.padded(junk))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    # Words behind a caption's end do not reach back.
    later = {**built.inputs, "tokens": built.inputs["tokens"].copy()}
    later["tokens"][:, :, 2:] = 0
    found = built.logits(later)
    np.testing.assert_allclose(found[:, :, :2], expected[:, :, :2], atol=1e-6)


def check_dropout(built):
    """`training=True`, whole or by steps, has dropout; inference has none."""
    first, second = (built.logits(built.inputs) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    inputs = {k: v for k, v in built.inputs.items() if k != "tokens"}

    def dropped():
        model, tokens = built.model, built.inputs["tokens"]
        with keras.StatelessScope():  # statistics stay what they were
            whole = model(built.inputs, training=True)
            memory = model.encode(inputs, training=True)
            state = model.initial_state(memory, N)
            step = model.step(tokens[:, :, 0], state, memory, training=True)
            return whole, step[0]

    whole, step = as_numpy(computed(dropped))
    assert np.abs(first - whole).max() > 0.01
    assert np.abs(first[:, :, 0] - step).max() > 0.01


def check_independence(built):
    """No caption or picture of a batch influences another."""
    before = built.logits(built.inputs)
    inputs = {name: part.copy() for name, part in built.inputs.items()}
    inputs["tokens"][0, 1] = 3
    inputs["features"][1] += 1
    after = built.logits(inputs)
    np.testing.assert_allclose(before[0, [0, 2]], after[0, [0, 2]], atol=1e-6)
    assert np.abs(before[0, 1] - after[0, 1]).max() > 1e-3
    assert np.abs(before[1] - after[1]).max() > 1e-3


def check_round_trip(built, folder):
    """The config and the file give the same model again."""
    model, inputs = built.model, built.inputs
    expected = built.logits(inputs)
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    copy.set_weights(model.get_weights())
    found = Built(copy).logits(inputs)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    model.save(folder / "model.keras")
    again = keras.models.load_model(folder / "model.keras")
    assert type(again) is type(model)
    found, _ = Built(again).step_by_step(inputs)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def check_beams(built):
    """Beams change places at every word; each state goes along."""
    pictures = {k: v for k, v in built.inputs.items() if k != "tokens"}

    def run():
        memory = built.model.encode(pictures)
        decoded = beam_search(
            lambda tokens, state: built.model.step(tokens, state, memory),
            built.model.initial_state(memory, N),
            (B, N, T),
            bos_id=0,
            eos_id=0,
            returned=N,
        )
        return decoded.tokens, decoded.log_probs

    tokens, log_probs = (ops.convert_to_numpy(each) for each in computed(run))
    assert len({tuple(row) for row in tokens.reshape(-1, T)}) > B
    read = np.pad(tokens, ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
    logits = built.logits(pictures | {"tokens": read})
    logits = ops.convert_to_numpy(ops.log_softmax(logits, axis=-1))
    expected = np.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    real = np.cumsum(tokens == 0, axis=-1) - (tokens == 0) == 0
    np.testing.assert_allclose(
        log_probs, np.where(real, expected, 0.0), rtol=2e-4, atol=2e-5
    )


def check_packing(model):
    """Packed words have the loss and the gradients of all words."""
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


def check_mixed_precision(model, policy):
    """All of a captioner of this policy learns, from packed words."""
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

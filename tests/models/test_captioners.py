"""What every captioner has to do, whatever it looks at."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from helpers.captioners import (
    SIZES,
    VARIANTS,
    B,
    Built,
    D,
    K,
    N,
    T,
    V,
    batch,
    make,
)
from imcap.decoding import beam_search
from imcap.models.registry import build_captioner, list_captioners


@pytest.fixture(scope="module", params=VARIANTS)
def built(request):
    """A captioner of each variant, shared by the tests of this file."""
    return Built(make(request.param))


def test_no_captioner_is_left_out():
    assert {name for name, _ in VARIANTS.values()} == set(list_captioners())


def test_step_is_teacher_forcing(built):
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


def test_padded_is_unpadded(built):
    expected = built.logits(built.inputs)
    for junk in (0.0, np.nan, 1e30):
        found = built.logits(built.padded(junk))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    # Words behind a caption's end do not reach back.
    later = {**built.inputs, "tokens": built.inputs["tokens"].copy()}
    later["tokens"][:, :, 2:] = 0
    found = built.logits(later)
    np.testing.assert_allclose(found[:, :, :2], expected[:, :, :2], atol=1e-6)


def test_inference_is_deterministic_and_training_is_not(built):
    first, second = (built.logits(built.inputs) for _ in range(2))
    np.testing.assert_array_equal(first, second)

    def dropped():
        with keras.StatelessScope():  # statistics stay what they were
            return built.model(built.inputs, training=True)

    assert np.abs(first - as_numpy(computed(dropped))[0]).max() > 0.01


def test_captions_and_pictures_are_independent(built):
    before = built.logits(built.inputs)
    inputs = {name: part.copy() for name, part in built.inputs.items()}
    inputs["tokens"][0, 1] = 3
    inputs["features"][1] += 1
    after = built.logits(inputs)
    np.testing.assert_allclose(before[0, [0, 2]], after[0, [0, 2]], atol=1e-6)
    assert np.abs(before[0, 1] - after[0, 1]).max() > 1e-3
    assert np.abs(before[1] - after[1]).max() > 1e-3


def test_config_and_file_round_trip(built, tmp_path):
    model, inputs = built.model, built.inputs
    expected = built.logits(inputs)
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    copy.set_weights(model.get_weights())
    found = Built(copy).logits(inputs)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    found, _ = Built(again).step_by_step(inputs)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_beams_have_the_log_probs_of_teacher_forcing(built):
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


def test_step_keeps_the_state_as_it_was():
    # A loop that decodes refuses a state that changes its dtype.
    for policy in ("float32", "mixed_float16"):
        model, inputs = make("sgate", dtype=policy), batch()

        def run(model=model, inputs=inputs):
            memory = model.encode(inputs)
            state = model.initial_state(memory, N)
            _, after, _ = model.step(inputs["tokens"][:, :, 0], state, memory)
            return state, after

        state, after = computed(run)
        for one, other in zip(state, after, strict=True):
            assert one.dtype == other.dtype
            assert tuple(one.shape) == tuple(other.shape) == (B, N, 13)


def test_output_bias():
    model = make("spatial")
    model.set_output_bias(np.linspace(-5, 0, V))
    np.testing.assert_allclose(
        as_numpy(model.output_dense.bias)[0], np.linspace(-5, 0, V), rtol=1e-6
    )


def test_unknown_captioner_and_unknown_options():
    with pytest.raises(ValueError, match="there are adaptive"):
        build_captioner("adaptiv", V, D)
    model = build_captioner("adaptive", V, D, **SIZES, num_layers=6)
    assert model.lstm_dim == 13

"""What every captioner has to do, whatever it looks at."""

import numpy as np
import pytest

from helpers.backend import as_numpy, computed
from helpers.captioner_checks import (
    check_beams,
    check_dropout,
    check_independence,
    check_padding,
    check_round_trip,
    check_steps,
)
from helpers.captioners import SIZES, VARIANTS, B, Built, D, N, V, batch, make
from imcap.models.registry import build_captioner, list_captioners


@pytest.fixture(scope="module", params=VARIANTS)
def built(request):
    """A captioner of each variant, shared by the tests of this file."""
    return Built(make(request.param))


def test_no_captioner_is_left_out():
    assert {name for name, _ in VARIANTS.values()} == set(list_captioners())


def test_step_is_teacher_forcing(built):
    check_steps(built)


def test_padded_is_unpadded(built):
    check_padding(built)


def test_inference_is_deterministic_and_training_is_not(built):
    check_dropout(built)


def test_captions_and_pictures_are_independent(built):
    check_independence(built)


def test_config_and_file_round_trip(built, tmp_path):
    check_round_trip(built, tmp_path)


def test_beams_have_the_log_probs_of_teacher_forcing(built):
    check_beams(built)


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

"""Beams change places at every word; each captioner's state goes along."""

import numpy as np
import pytest
from keras import ops

from helpers.backend import computed
from imcap.decoding import beam_search
from models.test_captioners import VARIANTS, B, batch, logits_of, make

BEAMS, STEPS = 4, 6


@pytest.mark.parametrize("variant", VARIANTS)
def test_beams_have_the_chances_of_teacher_forcing(variant):
    model = make(variant)
    inputs = batch(model)
    pictures = {k: v for k, v in inputs.items() if k != "tokens"}

    def run():
        memory = model.encode(pictures)
        found = beam_search(
            lambda tokens, state: model.step(tokens, state, memory),
            model.initial_state(memory, BEAMS),
            (B, BEAMS, STEPS),
            bos_id=0,
            eos_id=0,
            returned=BEAMS,
        )
        return found.tokens, found.log_probs

    tokens, chances = (ops.convert_to_numpy(part) for part in computed(run))
    assert len({tuple(row) for row in tokens.reshape(-1, STEPS)}) > B
    read = np.pad(tokens, ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
    logits = logits_of(model, pictures | {"tokens": read})
    logits = ops.convert_to_numpy(ops.log_softmax(logits, axis=-1))
    expected = np.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    real = np.cumsum(tokens == 0, axis=-1) - (tokens == 0) == 0
    np.testing.assert_allclose(
        chances, np.where(real, expected, 0.0), rtol=2e-4, atol=2e-5
    )

"""The written-out gradient of the LSTM against the loop's."""

import functools

import keras
import pytest

from helpers.kernels import check_kernel, floats
from imcap.layers.kernels.lstm_recurrence import (
    plain_recurrence,
    run_recurrence,
)

M, T, U = 3, 5, 13


@pytest.mark.parametrize("sgate", [True, False])
@pytest.mark.parametrize("hard", [False, True])
def test_values_and_gradients_are_those_of_the_loop(sgate, hard):
    width = (5 if sgate else 4) * U
    check_kernel(
        functools.partial(run_recurrence, sgate=sgate, hard=hard),
        functools.partial(plain_recurrence, sgate=sgate, hard=hard),
        [
            3 * floats(M, T, width),  # to both ends of the hard sigmoid
            floats(U, width, seed=1),
            floats(M, U, seed=2),
            floats(M, U, seed=3),
        ],
        atol=1e-4,
    )


def test_it_needs_to_know_its_length():
    symbol = keras.KerasTensor((M, None, 5 * U))
    with pytest.raises(ValueError, match="beforehand"):
        run_recurrence(symbol, None, None, None)

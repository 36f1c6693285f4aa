"""The additive score in parts against all of it at once."""

import functools

import pytest

from helpers.kernels import check_kernel, floats
from imcap.layers.kernels.additive_score import (
    additive_score,
    plain_additive_score,
)

B, Q, K, U = 2, 19, 7, 13


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("parts", [None, 1, 3])
def test_values_and_gradients_are_those_of_the_whole(activation, parts):
    check_kernel(
        functools.partial(additive_score, activation=activation, parts=parts),
        functools.partial(plain_additive_score, activation=activation),
        [floats(B, Q, U), floats(B, K, U, seed=1), floats(U, 1, seed=2)],
        atol=1e-4,
    )

"""The written-out gradient of the GRU against the loop's."""

import numpy as np
import pytest
from keras import ops

from helpers.kernels import check_kernel, floats
from imcap.layers.kernels.gru_recurrence import plain_gru, run_gru

C, T, U = 3, 5, 11
KEPT = np.arange(T)[:, None] < np.array([T, 2, 3])  # (T, C)


@pytest.mark.parametrize("reverse", [False, True])
def test_values_and_gradients_are_those_of_the_loop(reverse):
    def masked(run):
        kept = ops.cast(KEPT[..., None], "float32")
        return lambda gates, kernel, bias: run(
            gates, kept, kernel, bias, reverse
        )

    check_kernel(
        masked(run_gru),
        masked(plain_gru),
        [floats(T, C, 3 * U), floats(U, 3 * U, seed=1), floats(3 * U, seed=2)],
        atol=1e-4,
    )

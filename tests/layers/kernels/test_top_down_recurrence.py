"""The written-out gradient of Up-Down's recurrence against the loop's."""

import numpy as np
import pytest

from helpers.kernels import check_kernel, floats
from imcap.layers.kernels.top_down_recurrence import (
    plain_top_down,
    run_top_down,
)

B, N, T, K, U, A = 2, 3, 5, 7, 17, 19
KERNELS = [(U, 4 * U), (U, 4 * U), (U, A), (A, 1), (U, 4 * U), (U, 4 * U)]


@pytest.mark.parametrize("masked", [False, True])
def test_values_and_gradients_are_those_of_the_loop(masked):
    mask = None
    if masked:
        mask = np.random.default_rng(3).random((B, K)) < 0.6

    def with_mask(run):
        return lambda gates, keys, values, *kernels: run(
            gates, keys, values, kernels, mask
        )

    shapes = [(B, N, T, 4 * U), (B, K, A), (B, K, 4 * U), *KERNELS]
    check_kernel(
        with_mask(run_top_down),
        with_mask(plain_top_down),
        [0.5 * floats(*shape, seed=seed) for seed, shape in enumerate(shapes)],
        atol=2e-5,
    )

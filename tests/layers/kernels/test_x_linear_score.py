"""The pairwise layer of x-linear attention in parts, and its plain form."""

import numpy as np
import pytest

from helpers.kernels import check_kernel, floats
from imcap.layers.kernels.x_linear_score import (
    plain_x_linear_score,
    x_linear_score,
)

B, Q, K, D, E = 2, 19, 7, 10, 11
MASK = np.arange(K) < np.array([[K], [4]])
SHARES = MASK / MASK.sum(axis=1, keepdims=True).astype("float32")


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_values_and_gradients_are_those_of_all_pairs(rate):
    noise = ()
    if rate:
        generator = np.random.default_rng(8)
        noise = tuple(
            generator.random((B, count, E)).astype("float32")
            for count in (Q, K)
        )

    def with_noise(score):
        return lambda query, keys, *rest: score(
            query, keys, SHARES, *rest, noise, rate
        )

    shapes = [(B, Q, D), (B, K, D), (D, E), (E,), (E, 1)]
    check_kernel(
        with_noise(x_linear_score),
        with_noise(plain_x_linear_score),
        [floats(*shape, seed=seed) for seed, shape in enumerate(shapes)],
        rtol=1e-3,
        atol=1e-3,
    )

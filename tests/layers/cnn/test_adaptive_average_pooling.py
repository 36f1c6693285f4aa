"""Maps averaged to a given number of cells."""

import numpy as np
import pytest

from imcap.layers.cnn.adaptive_average_pooling import adaptive_average_pooling


@pytest.mark.parametrize(
    ("height", "width", "size"), [(7, 5, 3), (7, 7, 7), (5, 3, 11), (6, 9, 3)]
)
def test_against_loops(height, width, size):
    grid = np.random.default_rng(1).normal(size=(2, height, width, 3))
    grid = grid.astype("float32")
    expected = np.zeros((2, size, size, 3), "float32")
    for row in range(size):
        top = int(np.floor(row * height / size))
        bottom = int(np.ceil((row + 1) * height / size))
        for column in range(size):
            left = int(np.floor(column * width / size))
            right = int(np.ceil((column + 1) * width / size))
            part = grid[:, top:bottom, left:right]
            expected[:, row, column] = part.mean(axis=(1, 2))
    pooled = np.array(adaptive_average_pooling(grid, size))
    np.testing.assert_allclose(pooled, expected, atol=1e-5)

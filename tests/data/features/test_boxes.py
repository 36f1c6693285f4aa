"""Boxes and grid vectors, against their definition cell by cell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imcap.data.features.boxes import (
    cell_boxes,
    grid_positions,
    grid_vectors,
    relative_boxes,
)
from imcap.errors import InputError


def covered(box, row, column, side):
    """The fraction of a cell under a box, counted on a fine raster."""
    fine = 240  # points a side of the cell
    y = (row + (np.arange(fine) + 0.5) / fine) / side
    x = (column + (np.arange(fine) + 0.5) / fine) / side
    rows = ((y > box[1]) & (y < box[3])).mean()
    return rows * ((x > box[0]) & (x < box[2])).mean()


def test_grid_vector_is_the_fraction_of_each_cell():
    boxes = [[0.05, 0.2, 0.7, 0.55], [0, 0, 1, 1], [0.4, 0.4, 0.45, 0.9]]
    vectors = grid_vectors(boxes, 9)
    assert vectors.shape == (3, 9) and vectors.dtype == np.float32
    for box, vector in zip(boxes, vectors, strict=True):
        for cell, share in enumerate(vector):
            expected = covered(box, *divmod(cell, 3), 3)
            assert share == pytest.approx(expected, abs=0.01)


def test_rows_are_vertical():
    np.testing.assert_allclose(
        grid_vectors([[0, 0, 0.75, 0.5]], 4), [[1, 0.5, 0, 0]], atol=1e-7
    )


@st.composite
def some_boxes(draw):
    corners = draw(
        st.lists(
            st.tuples(*[st.floats(0, 1, width=32)] * 4), min_size=1, max_size=5
        )
    )
    boxes = np.asarray(corners, "float32").reshape(-1, 2, 2)
    return np.concatenate([boxes.min(axis=1), boxes.max(axis=1)], axis=1)


@settings(deadline=None, max_examples=60)
@given(some_boxes(), st.integers(1, 13))
def test_area_is_kept(boxes, side):
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    vectors = grid_vectors(boxes, side**2)
    assert vectors.min() >= 0 and vectors.max() <= 1
    np.testing.assert_allclose(
        vectors.sum(axis=1) / side**2, area, rtol=1e-4, atol=1e-7
    )
    shares = grid_vectors(boxes, side**2, "box").sum(axis=1)
    np.testing.assert_allclose(shares[area > 1e-9], 1, rtol=1e-5)


@pytest.mark.parametrize("normalise", ["cell", "box"])
def test_a_box_without_area_covers_nothing(normalise):
    vectors = grid_vectors([[0.3, 0, 0.3, 1], [1, 1, 1, 1]], 9, normalise)
    np.testing.assert_array_equal(vectors, np.zeros((2, 9)))


def test_no_boxes():
    assert grid_vectors(np.zeros((0, 4)), 9).shape == (0, 9)


@pytest.mark.parametrize(
    ("boxes", "grids", "reason"),
    [
        ([[0, 0, 1, 1]], 143, "not the square"),
        ([[0, 0, 1, 1]], 0, "not the square"),
        ([[0, 0, 1, 1]], -4, "not the square"),
        ([[0, 0, np.nan, 1]], 9, "not finite"),
        ([[0, 0, 1, 1], [0.5, 0, 0.4, 1]], 9, "box 1 ends before"),
        ([[0, 0, 224, 1]], 9, "leaves the square"),
        ([[-0.1, 0, 1, 1]], 9, "leaves the square"),
        ([0, 0, 1, 1], 9, r"expected \(n, 4\)"),
        ([[0, 0, 1]], 9, r"expected \(n, 4\)"),
    ],
)
def test_what_grid_vectors_refuse(boxes, grids, reason):
    with pytest.raises(InputError, match=reason):
        grid_vectors(boxes, grids)


def test_unknown_normalisation():
    with pytest.raises(InputError, match="'cells'"):
        grid_vectors([[0, 0, 1, 1]], 9, "cells")


def test_relative_boxes_are_clipped():
    boxes = relative_boxes([[-1, 5, 20.5, 10], [3, 3, 3, 7]], 20, 10)
    expected = [[0, 0.5, 1, 1], [0.15, 0.3, 0.15, 0.7]]
    assert boxes.dtype == np.float32
    np.testing.assert_allclose(boxes, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("boxes", "size", "reason"),
    [
        ([[0, 0, 5, 5], [30, 0, 40, 5]], (20, 10), "box 1 lies outside"),
        ([[0, 0, 5, 5]], (0, 10), "0 x 10"),
        ([[0, 0, np.inf, 5]], (20, 10), "not finite"),
        ([[5, 0, 0, 5]], (20, 10), "ends before"),
    ],
)
def test_what_relative_boxes_refuse(boxes, size, reason):
    with pytest.raises(InputError, match=reason):
        relative_boxes(boxes, *size)


def test_cell_boxes_follow_a_flattened_map():
    height, width = 2, 3
    boxes = cell_boxes(height, width).reshape(height, width, 4)
    np.testing.assert_allclose(boxes[1, 2], [2 / 3, 0.5, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(boxes[0, 1], [1 / 3, 0, 2 / 3, 0.5], rtol=1e-6)
    with pytest.raises(InputError, match="0 x 3"):
        cell_boxes(0, 3)


def test_cells_of_the_same_grid_cover_one_cell_each():
    vectors = grid_positions("grid", (5, 5), 25)
    np.testing.assert_allclose(vectors, np.eye(25), atol=1e-6)
    assert grid_positions("boxes", (5, 7)).shape == (35, 4)
    assert grid_positions("grid", (2, 3), 49).shape == (6, 49)
    with pytest.raises(InputError, match="'points'"):
        grid_positions("points", (5, 5))

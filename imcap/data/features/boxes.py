"""Box geometry: relative boxes, and their overlap with grid cells.

A box is x1, y1, x2, y2. Pixel boxes count from the upper left corner of the
picture; relative boxes are divided by its width and height, so that the
picture is the square from 0 to 1.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from imcap.errors import InputError

KINDS = ("boxes", "grid")
NORMALISATIONS = ("cell", "box")

# Rounding may carry a relative box this far over the edge of its picture.
ROUNDING = 1e-4


def _checked(boxes: ArrayLike) -> np.ndarray:
    """The boxes as (n, 4) float64, or InputError."""
    array = np.asarray(boxes, "float64")
    if array.ndim != 2 or array.shape[1] != 4:
        raise InputError(
            f"boxes of shape {array.shape}; expected (n, 4), x1 y1 x2 y2"
        )
    if not np.isfinite(array).all():
        raise InputError("a corner of a box is not finite; make it again")
    turned = np.flatnonzero((array[:, 2:] < array[:, :2]).any(axis=1))
    if turned.size:
        raise InputError(
            f"box {turned[0]} ends before it begins ("
            + " ".join(f"{corner:g}" for corner in array[turned[0]])
            + "); expected x1 y1 x2 y2"
        )
    return array


def relative_boxes(boxes: ArrayLike, width: float, height: float) -> np.ndarray:
    """Normalises pixel boxes by the picture's size and clips them to it.

    Args:
        boxes: (n, 4), pixels.
        width, height: of the picture, pixels.

    Returns:
        (n, 4) float32 in [0, 1]. A box without width or height keeps none.

    Raises:
        InputError: another shape, a corner that is not finite, a box that
            ends before it begins, or one that no part of the picture is
            in, as when the size is another picture's.

    Example:
        >>> relative_boxes([[0, 5, 20, 10]], 20, 10)
        array([[0. , 0.5, 1. , 1. ]], dtype=float32)
    """
    if not (width > 0 and height > 0):
        raise InputError(f"a picture of {width} x {height} pixels; mend that")
    size = np.asarray([width, height], "float64")
    corners = _checked(boxes)
    # A pixel of tolerance: detectors count the last pixel either way.
    outside = (corners[:, :2] > size + 1) | (corners[:, 2:] < -1)
    if outside.any():
        number = np.flatnonzero(outside.any(axis=1))[0]
        raise InputError(
            f"box {number} lies outside its picture of {width} x {height} "
            "pixels; is that the size of the picture the boxes are of?"
        )
    shares = corners / np.tile(size, 2)  # (n, 4)
    return np.clip(shares, 0, 1).astype("float32")


def are_relative(boxes: ArrayLike) -> bool:
    """Whether boxes are relative already: no corner beyond 1."""
    return np.size(boxes) == 0 or bool(np.max(boxes) <= 1 + ROUNDING)


def cell_boxes(height: int, width: int) -> np.ndarray:
    """The relative boxes of a map's cells, one a location.

    Args:
        height, width: of the map, in cells.

    Returns:
        (height * width, 4) float32, row after row as maps are flattened.

    Raises:
        InputError: a map without cells.
    """
    if height < 1 or width < 1:
        raise InputError(f"a map of {height} x {width} cells has no boxes")
    row, column = np.divmod(np.arange(height * width), width)
    corners = [
        column / width, row / height,
        (column + 1) / width, (row + 1) / height,
    ]  # fmt: skip
    return np.stack(corners, axis=1).astype("float32")


def grid_side(num_grids: int) -> int:
    """g of a grid of g x g cells; InputError where there is none."""
    side = math.isqrt(max(int(num_grids), 0))
    if side < 1 or side * side != num_grids:
        raise InputError(
            f"num_grids {num_grids}: not the square of a whole number; the "
            "grid has as many rows as columns, so take 144 or 196, say"
        )
    return side


def grid_vectors(
    boxes: ArrayLike, num_grids: int = 144, normalise: str = "cell"
) -> np.ndarray:
    """Overlap of every box with each cell of a grid.

    Entry (r, c) of a g x g grid is the product of what the box covers of
    row r and of column c, o_y[r] o_x[c]. A box without width or height
    covers nothing: its vector is zero, with either normalisation.

    Args:
        boxes: (n, 4) relative boxes.
        num_grids: G = g * g, cells of the grid.
        normalise: "cell" for the covered fraction of each cell, in [0, 1];
            "box" for the fraction of the box in each cell, sum 1.

    Returns:
        (n, G) float32, row after row of the grid.

    Raises:
        InputError: G is no square, the boxes are not (n, 4), not finite,
            end before they begin or leave the picture.

    Example:
        >>> grid_vectors([[0, 0, 0.75, 0.5]], 4)
        array([[1. , 0.5, 0. , 0. ]], dtype=float32)
    """
    if normalise not in NORMALISATIONS:
        raise InputError(f"normalise {normalise!r}: know {NORMALISATIONS}")
    side = grid_side(num_grids)
    corners = _checked(boxes)
    if not are_relative(corners) or (corners < -ROUNDING).any():
        raise InputError(
            "a box leaves the square from 0 to 1; divide pixels by width and "
            "height first"
        )
    corners = np.clip(corners, 0, 1)
    across = _covered(corners[:, 0], corners[:, 2], side)  # (n, g)
    down = _covered(corners[:, 1], corners[:, 3], side)  # (n, g)
    vectors = (down[:, :, None] * across[:, None, :]).reshape(-1, side**2)
    if normalise == "box":
        total = vectors.sum(axis=1, keepdims=True)
        vectors = vectors / np.where(total > 0, total, 1)
    return vectors.astype("float32")


def _covered(start: np.ndarray, end: np.ndarray, side: int) -> np.ndarray:
    """The fraction of each of `side` intervals between start and end."""
    edges = np.arange(side) / side
    begin = np.maximum(start[:, None], edges)
    finish = np.minimum(end[:, None], edges + 1 / side)
    return np.clip((finish - begin) * side, 0, 1)  # (n, side)


def grid_positions(
    kind: str, grid: tuple[int, int], num_grids: int = 144
) -> np.ndarray:
    """Positions of the cells of a CNN's feature map, boxes or vectors.

    Args:
        kind: "boxes" for relative boxes, "grid" for grid vectors.
        grid: (h, w) of the map, in cells.
        num_grids: G of the grid vectors.

    Returns:
        (K, P) float32, K = h * w row after row; P is 4, or G.

    Raises:
        InputError: an unknown kind, a map without cells, G is no square.
    """
    if kind not in KINDS:
        raise InputError(f"positions {kind!r}: know {KINDS}")
    boxes = cell_boxes(*grid)
    return boxes if kind == "boxes" else grid_vectors(boxes, num_grids)

"""A map averaged to a given number of cells, whatever its own size."""

from keras import ops


def adaptive_average_pooling(grid, size):
    """Averages a map to size x size cells.

    Cell i covers rows floor(i h / size) to ceil((i + 1) h / size), likewise
    for columns: cells overlap where the sizes do not divide, and repeat
    where `size` is the larger.

    Args:
        grid: (B, h, w, C) with static h and w.
        size: cells a side.

    Returns:
        (B, size, size, C).

    Example:
        >>> adaptive_average_pooling(np.ones((1, 7, 7, 8)), 14).shape
        (1, 14, 14, 8)
    """
    _, height, width, _ = grid.shape
    down = ops.convert_to_tensor(cell_weights(height, size), grid.dtype)
    across = ops.convert_to_tensor(cell_weights(width, size), grid.dtype)
    grid = ops.einsum("sh,bhwc->bswc", down, grid)
    return ops.einsum("tw,bswc->bstc", across, grid)


def cell_weights(length, size):
    """(size, length) lists: row i averages the positions of cell i."""
    weights = []
    for cell in range(size):
        first = cell * length // size
        end = -(-(cell + 1) * length // size)
        share = 1.0 / (end - first)
        weights.append(
            [share if first <= i < end else 0.0 for i in range(length)]
        )
    return weights

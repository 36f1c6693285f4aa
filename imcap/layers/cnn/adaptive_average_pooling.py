"""Adaptive average pooling: a map of any size to a given number of cells."""

import keras
from keras import ops


def adaptive_average_pooling(grid, size):
    """Adaptive average pooling of a map to size x size cells.

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


@keras.saving.register_keras_serializable(package="imcap")
class AdaptiveAveragePooling(keras.layers.Layer):
    """`adaptive_average_pooling` as a layer.

    Args:
        size: int, cells a side.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        grid: float tensor (B, h, w, C).

    Returns:
        Float tensor (B, size, size, C).

    Example:
        >>> AdaptiveAveragePooling(14)(np.ones((1, 7, 7, 8)))
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, grid):
        return adaptive_average_pooling(grid, self.size)

    def compute_output_shape(self, grid_shape):
        return (grid_shape[0], self.size, self.size, grid_shape[-1])

    def get_config(self):
        return super().get_config() | {"size": self.size}

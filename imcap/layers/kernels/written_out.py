"""Pieces that written-out gradients share."""

import itertools

import keras
from keras import ops

# Parts that queries are cut into when their number is not known.
PARTS = 16
# Queries that are not worth cutting.
FEW = 16


def upstream_slopes(arguments, upstream):
    """The gradients that a `keras.ops.custom_gradient` is given, as a list.

    They come one by one, as a tuple, or by name: backends differ.

    Args:
        arguments: tuple, the positional arguments.
        upstream: the argument of that name, or None.
    """
    return keras.tree.flatten(arguments if upstream is None else upstream)


def transpose_kernel(kernel):
    """The transpose (W, U) of a kernel (U, W), laid out anew.

    Compilers fold a plain transpose into the products that read it, and a
    product of few rows with a transposed matrix takes three times as long.
    They cannot where halves are put together.
    """
    half = kernel.shape[1] // 2
    halves = (kernel[:, :half], kernel[:, half:])
    return ops.concatenate([ops.transpose(part) for part in halves], axis=0)


def times_column(hidden, weight):
    """Product of (B, Q, K, U) and (U, 1), over rows: (B, Q, K)."""
    rows = ops.matmul(ops.reshape(hidden, (-1, weight.shape[0])), weight)
    return ops.reshape(rows, ops.shape(hidden)[:-1])


def query_bounds(query, parts=None):
    """Bounds of about equal parts of queries (B, Q, …): pairs.

    Args:
        query: tensor (B, Q, …).
        parts: int, how many; None decides by their number, if it is known.
    """
    if parts is None:
        few = query.shape[1] is not None and query.shape[1] <= FEW
        parts = 1 if few else PARTS
    count = ops.shape(query)[1]
    edges = [count * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(edges))


def control_dependency(values, finished):
    """Control dependency: `values`, computed only after `finished`.

    Some runtimes would otherwise make all parts side by side, and hold them.
    A `finished` of 0.0 waits for nothing.
    """
    if isinstance(finished, float):
        return values
    return values + 0 * finished[0, 0]

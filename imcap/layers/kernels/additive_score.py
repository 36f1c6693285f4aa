"""The additive score, without ever holding all of its hidden layer.

`e = w · f(q + k)` for all queries and keys has a hidden layer of queries
times keys times units, the largest tensor of these captioners. It is made
here for a few queries at a time and made again for the gradient, so memory
holds one part of it, and each part fits the processor's cache.
"""

from keras import ops

from imcap.layers.kernels.written_out import (
    control_dependency,
    query_bounds,
    times_column,
    upstream_slopes,
)

# Functions, and their derivatives from their values.
ACTIVATIONS = {
    "tanh": (ops.tanh, lambda hidden: 1 - hidden * hidden),
    "relu": (ops.relu, lambda hidden: ops.cast(hidden > 0, hidden.dtype)),
}


def plain_additive_score(query, keys, weight, activation="tanh"):
    """`e = w · f(q + k)`: what `additive_score` computes, all at once."""
    function, _ = ACTIVATIONS[activation]
    hidden = function(query[:, :, None] + keys[:, None])  # (B, Q, K, U)
    return times_column(hidden, weight)


def additive_score(query, keys, weight, activation="tanh", parts=None):
    """Additive scores of every query against every key.

    Args:
        query: float tensor (B, Q, U), projected.
        keys: float tensor (B, K, U), projected.
        weight: float tensor (U, 1).
        activation: "tanh" or "relu".
        parts: int, how many parts the queries are cut into; None decides by
            their number, where it is known.

    Returns:
        Float tensor (B, Q, K).

    Example:
        >>> additive_score(query, keys, weight)  # (B, Q, K)
    """
    function, slope = ACTIVATIONS[activation]
    bounds = query_bounds(query, parts)

    def hidden_of(rows, keys):
        return function(rows[:, :, None] + keys[:, None])  # (B, Q', K, U)

    @ops.custom_gradient
    def score(query, keys, weight):
        def scored(part):
            hidden = hidden_of(query[:, part[0] : part[1]], keys)
            return times_column(hidden, weight)

        scores = ops.concatenate([scored(part) for part in bounds], axis=1)

        def gradient(*arguments, upstream=None):
            (slopes,) = upstream_slopes(arguments, upstream)
            return _gradients(
                query, keys, weight, slopes, bounds, hidden_of, slope
            )

        return scores, gradient

    return score(query, keys, weight)


def _gradients(query, keys, weight, slopes, bounds, hidden_of, slope):
    for_query, for_keys, for_weight = [], 0.0, 0.0
    units = weight.shape[0]
    for part in bounds:
        rows = control_dependency(query[:, part[0] : part[1]], for_keys)
        hidden = hidden_of(rows, keys)
        above = slopes[:, part[0] : part[1], :, None]  # (B, Q', K, 1)
        for_weight = for_weight + ops.matmul(
            ops.transpose(ops.reshape(hidden, (-1, units))),
            ops.reshape(above, (-1, 1)),
        )
        below = slope(hidden) * above  # (B, Q', K, U), but for the weight
        for_query.append(ops.sum(below, axis=2))
        for_keys = for_keys + ops.sum(below, axis=1)
    row = ops.reshape(weight, (units,))
    for_query = ops.concatenate(for_query, axis=1) * row
    return for_query, for_keys * row, for_weight

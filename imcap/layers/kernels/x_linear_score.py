"""The pairwise layer of x-linear attention, never held whole.

`m = drop(relu(W (q ∘ k) + b))` for all queries and keys is queries times keys
times units. Only two things are asked of it: a score of each pair, and its
mean over the keys. Both are made for a few queries at a time, and the layer
is made again for the gradient.

Dropout has to be the same both times. Each query and each key draws a number
for each unit, and a pair drops a unit where the fractional part of the two
numbers' sum lies below the rate: every pair keeps its exact chance and any two
pairs are independent, while memory holds queries plus keys, not their product.
"""

import keras
from keras import ops

from imcap.layers.dense import row_product
from imcap.layers.kernels.written_out import (
    control_dependency,
    query_bounds,
    upstream_slopes,
)


def plain_x_linear_score(
    query, keys, shares, kernel, bias, weight, noise=(), rate=0
):
    """Reference score: what `x_linear_score` computes, all at once."""
    pairs = query[:, :, None] * keys[:, None]  # (B, Q, K, D)
    hidden = ops.relu(ops.matmul(pairs, kernel) + bias)  # (B, Q, K, E)
    if noise:
        drawn = noise[0][:, :, None] + noise[1][:, None]
        kept = drawn - ops.floor(drawn) >= rate
        hidden = hidden * ops.cast(kept, hidden.dtype) / (1 - rate)
    means = ops.sum(hidden * shares[:, None, :, None], axis=2)
    return ops.matmul(hidden, weight)[..., 0], means


def x_linear_score(query, keys, shares, kernel, bias, weight, noise=(), rate=0):
    """X-linear scores of every query and key, and means of the pairs.

    Args:
        query: float tensor (B, Q, D), projected.
        keys: float tensor (B, K, D), projected.
        shares: float tensor (B, K), each key's part in the mean.
        kernel, bias: float tensors (D, E) and (E,) of the pairwise layer.
        weight: float tensor (E, 1) of the score.
        noise: () or uniform numbers (B, Q, E) and (B, K, E), float32, that
            decide what is dropped.
        rate: float below 1, share that is dropped where there is noise.

    Returns:
        Scores (B, Q, K) and means (B, Q, E).

    Example:
        >>> scores, means = x_linear_score(
        ...     query, keys, shares, kernel, bias, weight
        ... )
    """
    pairs = _Pairs(query, rate)

    @ops.custom_gradient
    def both(*arguments):
        def gradient(*slopes, upstream=None):
            (slopes,) = upstream_slopes(slopes, upstream)
            return pairs.gradients(arguments, slopes)

        return pairs.values(arguments), gradient

    # Some backends pass several outputs' gradients on as several arguments,
    # others as one; a single output is safe.
    outputs = both(query, keys, shares, kernel, bias, weight, *noise)
    units = kernel.shape[1]
    return outputs[..., :-units], outputs[..., -units:]


class _Pairs:
    """How to cut the queries, and what one part gives and needs."""

    def __init__(self, query, rate):
        self.bounds = query_bounds(query)
        self.rate = rate

    def values(self, arguments):
        query, keys, shares, kernel, bias, weight, *noise = arguments
        outputs = []
        for start, end in self.bounds:
            _, hidden, scale = self._hidden(
                query[:, start:end], keys, kernel, bias, noise, start, end
            )
            hidden = hidden * scale  # (B, Q', K, E)
            scores = row_product(hidden, weight)[..., 0]  # (B, Q', K)
            means = ops.matmul(shares[:, None, None], hidden)[:, :, 0]
            outputs.append(ops.concatenate([scores, means], axis=-1))
        return ops.concatenate(outputs, axis=1)

    def _hidden(self, rows, keys, kernel, bias, noise, start, end):
        """Pairs (B, Q', K, D), their layer (B, Q', K, E), dropout's scale."""
        pairs = rows[:, :, None] * keys[:, None]
        hidden = ops.relu(row_product(pairs, kernel) + bias)
        if not noise:
            return pairs, hidden, ops.ones((), hidden.dtype)
        for_query, for_key = noise
        drawn = for_query[:, start:end, None] + for_key[:, None]
        kept = drawn - ops.floor(drawn) >= self.rate
        scale = ops.cast(kept, hidden.dtype) / (1 - self.rate)
        return pairs, hidden, scale

    def gradients(self, arguments, slopes):
        query, keys, shares, kernel, bias, weight, *noise = arguments
        size, units = kernel.shape
        for_query = []
        sums = dict.fromkeys(("keys", "kernel", "bias", "weight"), 0.0)
        for start, end in self.bounds:
            rows = control_dependency(query[:, start:end], sums["keys"])
            pairs, hidden, scale = self._hidden(
                rows, keys, kernel, bias, noise, start, end
            )
            part = slopes[:, start:end]
            scores, means = part[..., :-units], part[..., -units:]
            # What reaches the layer, through the scores and the means.
            below = scores[..., None] * weight[:, 0]
            below = below + means[:, :, None] * shares[:, None, :, None]
            below = below * scale * ops.cast(hidden > 0, hidden.dtype)
            flat = ops.reshape(below, (-1, units))
            sums["weight"] += ops.matmul(
                ops.transpose(ops.reshape(hidden * scale, (-1, units))),
                ops.reshape(scores, (-1, 1)),
            )
            sums["bias"] += ops.sum(flat, axis=0)
            sums["kernel"] += ops.matmul(
                ops.transpose(ops.reshape(pairs, (-1, size))), flat
            )
            into = row_product(below, ops.transpose(kernel))  # (B, Q', K, D)
            for_query.append(ops.sum(into * keys[:, None], axis=2))
            sums["keys"] += ops.sum(into * rows[:, :, None], axis=1)
        return (
            ops.concatenate(for_query, axis=1),
            sums["keys"],
            # Neither masks nor dropout learn.
            ops.zeros_like(shares),
            sums["kernel"],
            sums["bias"],
            sums["weight"],
            *keras.tree.map_structure(ops.zeros_like, noise),
        )

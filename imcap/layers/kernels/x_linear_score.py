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

import itertools

import keras
from keras import ops

from imcap.layers.dense import row_product
from imcap.layers.kernels.additive_score import after

# Parts that the queries are cut into when their number is not known.
PARTS = 16


# Queries that are not worth cutting.
FEW = 16


def x_linear_score(query, keys, shares, kernel, bias, weight, noise=(), rate=0):
    """Scores of every query against every key, and the pairs' means.

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
            slopes = slopes[0] if upstream is None else upstream
            return pairs.gradients(arguments, slopes)

        return pairs.values(arguments), gradient

    # Some backends pass several outputs' gradients on as several arguments,
    # others as one; a single output is safe.
    found = both(query, keys, shares, kernel, bias, weight, *noise)
    units = kernel.shape[1]
    return found[..., :-units], found[..., -units:]


class _Pairs:
    """How to cut the queries, and what one part gives and needs."""

    def __init__(self, query, rate):
        few = query.shape[1] is not None and query.shape[1] <= FEW
        parts = 1 if few else PARTS
        count = ops.shape(query)[1]
        edges = [count * part // parts for part in range(parts + 1)]
        self.bounds = list(itertools.pairwise(edges))
        self.rate = rate

    def values(self, arguments):
        query, keys, shares, kernel, bias, weight, *noise = arguments
        found = []
        for start, end in self.bounds:
            _, hidden, kept = self._hidden(
                query[:, start:end], keys, kernel, bias, noise, start, end
            )
            hidden = hidden * kept  # (B, Q', K, E)
            scores = row_product(hidden, weight)[..., 0]  # (B, Q', K)
            means = ops.matmul(shares[:, None, None], hidden)[:, :, 0]
            found.append(ops.concatenate([scores, means], axis=-1))
        return ops.concatenate(found, axis=1)

    def _hidden(self, rows, keys, kernel, bias, noise, start, end):
        """Products (B, Q', K, D), their layer (B, Q', K, E), what is kept."""
        pairs = rows[:, :, None] * keys[:, None]
        hidden = ops.relu(row_product(pairs, kernel) + bias)
        if not noise:
            return pairs, hidden, ops.ones((), hidden.dtype)
        for_query, for_key = noise
        drawn = for_query[:, start:end, None] + for_key[:, None]
        kept = ops.cast(drawn - ops.floor(drawn) >= self.rate, hidden.dtype)
        return pairs, hidden, kept / (1 - self.rate)

    def gradients(self, arguments, slopes):
        query, keys, shares, kernel, bias, weight, *noise = arguments
        size, units = kernel.shape
        for_query = []
        sums = dict.fromkeys(("keys", "kernel", "bias", "weight"), 0.0)
        for start, end in self.bounds:
            rows = after(query[:, start:end], sums["keys"])
            pairs, hidden, kept = self._hidden(
                rows, keys, kernel, bias, noise, start, end
            )
            part = slopes[:, start:end]
            scores, means = part[..., :-units], part[..., -units:]
            # What reaches the layer, through the scores and the means.
            below = scores[..., None] * weight[:, 0]
            below = below + means[:, :, None] * shares[:, None, :, None]
            below = below * kept * ops.cast(hidden > 0, hidden.dtype)
            flat = ops.reshape(below, (-1, units))
            sums["weight"] += ops.matmul(
                ops.transpose(ops.reshape(hidden * kept, (-1, units))),
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

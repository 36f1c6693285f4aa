"""The score of channels, without ever holding all of its hidden layer.

`e = u · tanh(v̄_c w + q)` for all queries and channels has a hidden layer of
queries times channels times units: for 50 captions, 1280 channels and 512
units 131 MB, at each word. It is made here for some channels at a time, and
made again for the gradient; so are its keys `v̄_c w`. The parts are a compiled
loop, for there are many, at each word. Where a polynomial meets the score to
the last digits, it is taken instead (`channel_interpolation.py`).
"""

import keras
from keras import ops

from imcap.layers.kernels.channel_interpolation import Interpolation
from imcap.layers.kernels.written_out import times_column, upstream_slopes

# Channels whose hidden layer is held at a time.
CHANNELS = 128


def plain_channel_score(query, means, kernel, weight):
    """`e = u · tanh(v̄ w + q)`: what `channel_score` computes, all at once."""
    keys = means[..., None] * kernel  # (B, C, A)
    hidden = ops.tanh(keys[:, None] + query[:, :, None])  # (B, Q, C, A)
    return times_column(hidden, weight)


def channel_score(query, means, kernel, weight):
    """Scores of every channel for every query.

    Args:
        query: float tensor (B, Q, A), projected, the key's bias included.
        means: float tensor (B, C), one number for each channel.
        kernel: float tensor (A,), w.
        weight: float tensor (A, 1), u.

    Returns:
        Float tensor (B, Q, C).

    Example:
        >>> channel_score(query, means, kernel, weight)  # (B, Q, C)
    """

    @ops.custom_gradient
    def score(query, means, kernel, weight):
        exact = query, means, kernel, weight
        few = means.shape[1] <= CHANNELS
        close = None if few else Interpolation(means, kernel)

        def gradient(*arguments, upstream=None):
            (slopes,) = upstream_slopes(arguments, upstream)
            if few:
                return _gradients(*exact, slopes)
            return ops.cond(
                close.is_close(),
                lambda: close.gradients(query, weight, slopes),
                lambda: _gradients(*exact, slopes),
            )

        if few:
            return _scores(*exact), gradient
        scores = ops.cond(
            close.is_close(),
            lambda: close.scores(query, weight),
            lambda: _scores(*exact),
        )
        return scores, gradient

    return score(query, means, kernel, weight)


def _scores(query, means, kernel, weight):
    def scored(finished, part):
        # Parts would be made side by side if they did not wait.
        hidden = _hidden(query + 0 * finished, part, kernel)
        scores = times_column(hidden, weight)  # (B, Q, C')
        return scores[0, 0, 0], scores

    width = means.shape[1]
    if width <= CHANNELS:
        return scored(0, means)[1]
    parts = _cut(means)  # (P, B, C')
    shape = (*parts.shape[:1], *ops.shape(query)[:2], parts.shape[-1])
    results = ops.zeros(shape, query.dtype)
    start = ops.zeros((), query.dtype)
    _, scores = _over_parts(scored, start, parts, results)
    return _join(scores, width)


def _hidden(query, means, kernel):
    """tanh(v̄ w + q) of the channels of one part: (B, Q, C', A)."""
    keys = means[..., None] * kernel  # (B, C', A)
    return ops.tanh(keys[:, None] + query[:, :, None])


def _gradients(query, means, kernel, weight, slopes):
    units = weight.shape[0]
    row = ops.reshape(weight, (units,))

    def of_part(sums, part):
        part, above = part
        for_query, for_kernel, for_weight = sums
        hidden = _hidden(query + 0 * for_query, part, kernel)
        for_weight = for_weight + ops.matmul(
            ops.transpose(ops.reshape(hidden, (-1, units))),
            ops.reshape(above, (-1, 1)),
        )
        below = (1 - hidden * hidden) * above[..., None]  # but for the weight
        for_query = for_query + ops.sum(below, axis=2)
        share = ops.sum(below, axis=1)  # (B, C', A)
        for_kernel = for_kernel + ops.matmul(
            ops.reshape(part, (1, -1)), ops.reshape(share, (-1, units))
        )
        for_part = times_column(share, ops.reshape(row * kernel, (units, 1)))
        return (for_query, for_kernel, for_weight), for_part

    width = means.shape[1]
    sums = (
        ops.zeros_like(query),
        ops.zeros((1, units), query.dtype),
        ops.zeros_like(weight),
    )
    if width <= CHANNELS:
        sums, for_means = of_part(sums, (means, slopes))
    else:
        parts = _cut(means)
        sums, for_means = _over_parts(
            of_part, sums, (parts, _cut(slopes)), ops.zeros_like(parts)
        )
        for_means = _join(for_means, width)
    for_query, for_kernel, for_weight = sums
    return for_query * row, for_means, for_kernel[0] * row, for_weight


def _over_parts(function, sums, parts, results):
    """A loop of `sums, result = function(sums, part)`.

    Args:
        function: what to do with one part.
        sums: nested structure of tensors.
        parts: tensor (P, …), or several of them.
        results: zeros (P, …) to put results in.

    Returns:
        The last sums, and the results.
    """

    def body(place, carried):
        sums, results = carried
        part = keras.tree.map_structure(
            lambda each: ops.take(each, place, axis=0), parts
        )
        sums, result = function(sums, part)
        start = (place, *[0] * len(result.shape))
        return sums, ops.slice_update(results, start, result[None])

    return ops.fori_loop(0, results.shape[0], body, (sums, results))


def _cut(values):
    """(…, C) as P parts of at most `CHANNELS`, the last filled: (P, …, C')."""
    width = values.shape[-1]
    count = -(-width // CHANNELS)
    size = -(-width // count)
    padding = [(0, 0)] * (len(values.shape) - 1) + [(0, count * size - width)]
    shape = (*ops.shape(values)[:-1], count, size)
    return ops.moveaxis(ops.reshape(ops.pad(values, padding), shape), -2, 0)


def _join(parts, width):
    """The (…, C) that `_cut` cut up."""
    parts = ops.moveaxis(parts, 0, -2)  # (…, P, C')
    size = parts.shape[-2] * parts.shape[-1]
    return ops.reshape(parts, (*ops.shape(parts)[:-2], size))[..., :width]

"""The recurrence of two LSTMs with attention between, gradient written out.

Every word takes products with six matrices. Automatic differentiation of the
unrolled loop forms the gradient of each as T products of a few rows and adds
them up; written out, it is one product over all rows and words. What reads
the same state is one product too: three matrices after the first LSTM, two
after the second. Values and gradients are those of the loop.
"""

from keras import ops

from imcap.layers.kernels.additive_score import plain_additive_score
from imcap.layers.kernels.written_out import (
    control_dependency,
    times_column,
    transpose_kernel,
    upstream_slopes,
)
from imcap.layers.masking import masked_softmax


def plain_top_down(gates, keys, values, kernels, mask=None):
    """Reference recurrence: what `run_top_down` computes, word by word."""
    own, language, query, weight, attended, second = kernels
    mask = None if mask is None else mask[:, None]
    h1 = c1 = h2 = c2 = ops.zeros_like(gates[:, :, 0, : own.shape[0]])
    outputs = []
    for time in range(gates.shape[2]):
        total = gates[:, :, time] + ops.matmul(h2, language)
        h1, c1 = _plain_lstm(total, h1, c1, own)
        scores = plain_additive_score(ops.matmul(h1, query), keys, weight)
        weights = masked_softmax(scores, mask)  # (B, N, K)
        total = ops.matmul(weights, values) + ops.matmul(h1, attended)
        h2, c2 = _plain_lstm(total, h2, c2, second)
        outputs.append((h2, weights))
    return tuple(
        ops.stack(parts, axis=2) for parts in zip(*outputs, strict=True)
    )


def _plain_lstm(gates, hidden, carry, kernel):
    i, f, o, candidate = ops.split(gates + ops.matmul(hidden, kernel), 4, -1)
    carry = ops.sigmoid(f) * carry + ops.sigmoid(i) * ops.tanh(candidate)
    return ops.sigmoid(o) * ops.tanh(carry), carry


def run_top_down(gates, keys, values, kernels, mask=None):
    """Runs Up-Down's two LSTMs from zero states over T words, unrolled.

    Args:
        gates: float tensor (B, N, T, 4U), what word and picture add to the
            input, forget, output and candidate gates of the first LSTM.
        keys: float tensor (B, K, A), projected for the score.
        values: float tensor (B, K, 4U), what locations add to the gates of
            the second LSTM.
        kernels: six tensors: the first LSTM's own (U, 4U), that from the
            second state to it (U, 4U), the score's of the query (U, A) and
            of the hidden layer (A, 1), that from the first state to the
            second LSTM (U, 4U) and the second's own (U, 4U).
        mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        h² (B, N, T, U) and weights (B, N, T, K).

    Raises:
        ValueError: T is not known beforehand.

    Example:
        >>> hidden, weights = run_top_down(gates, keys, values, kernels)
    """
    if gates.shape[2] is None:
        raise ValueError("the number of words T must be known beforehand")
    if mask is None:
        mask = ops.ones_like(keys[:, :, 0], dtype="bool")

    @ops.custom_gradient
    def run(gates, keys, values, mask, *kernels):
        loop = _Loop(keys, values, mask, kernels, ops.shape(gates)[:2])
        outputs = loop.forward(gates)

        def gradient(*arguments, upstream=None):
            slopes = loop.backward(*upstream_slopes(arguments, upstream))
            # A mask does not learn.
            return *slopes[:3], ops.zeros_like(mask), *slopes[3:]

        return outputs, gradient

    return run(gates, keys, values, ops.cast(mask, gates.dtype), *kernels)


class _Loop:
    """One pass forward over the words, and what it saved, backward."""

    def __init__(self, keys, values, mask, kernels, shape):
        self.keys, self.values = keys, values
        self.mask = ops.cast(mask, "bool")[:, None]  # (B, 1, K)
        own, language, query, self.weight, attended, second = kernels
        self.units = own.shape[0]
        self.query_units = query.shape[1]
        self.shape = shape  # (B, N)
        self.from_first = ops.concatenate([attended, query, own], axis=1)
        self.from_second = ops.concatenate([language, second], axis=1)

    def forward(self, gates):
        """h² (B, N, T, U) and weights (B, N, T, K)."""
        wide = 4 * self.units
        count = self.shape[0] * self.shape[1]  # M rows
        rows = ops.reshape(gates, (count, gates.shape[2], wide))
        words = ops.unstack(rows, axis=1)
        first = second = ops.zeros((count, self.units), gates.dtype)
        own = language = more = ops.zeros((count, wide), gates.dtype)
        self.saved = []
        for total in words:
            hidden, first, cell = _cell(total + own + language, first)
            product = ops.matmul(hidden, self.from_first)
            attended, query, own = (
                product[:, :wide],
                product[:, wide:-wide],
                product[:, -wide:],
            )
            query = ops.reshape(query, (*self.shape, self.query_units))
            weights = masked_softmax(
                times_column(self._layer(query), self.weight), self.mask
            )  # (B, N, K)
            context = ops.matmul(weights, self.values)
            context = ops.reshape(context, (-1, wide))
            spoken, second, other = _cell(context + attended + more, second)
            product = ops.matmul(spoken, self.from_second)
            language, more = product[:, :wide], product[:, wide:]
            self.saved.append((cell, other, query, weights, hidden, spoken))
        spoken = ops.stack([word[5] for word in self.saved], axis=1)
        spoken = ops.reshape(spoken, (*self.shape, len(words), self.units))
        weights = ops.stack([word[3] for word in self.saved], axis=2)
        return spoken, weights

    def _layer(self, query):
        """The score's hidden layer (B, N, K, A) of queries (B, N, A)."""
        return ops.tanh(query[:, :, None] + self.keys[:, None])

    def backward(self, to_spoken, to_weights):
        """Gradients of gates, keys, values and the six kernels."""
        wide = 4 * self.units
        count = self.shape[0] * self.shape[1]
        steps = len(self.saved)
        to_spoken = ops.reshape(to_spoken, (count, steps, self.units))
        zeros = ops.zeros((count, self.units), to_spoken.dtype)
        first_carry = second_carry = zeros
        later_first = ops.zeros((count, wide), to_spoken.dtype)
        later_second = later_first
        first_kernels = transpose_kernel(self.from_first)
        second_kernels = transpose_kernel(self.from_second)
        sums, slopes = {"keys": 0.0, "weight": 0.0}, []
        for time in reversed(range(steps)):
            cell, other, query, weights, _, _ = self.saved[time]
            later = ops.concatenate([later_first, later_second], axis=1)
            slope = to_spoken[:, time] + ops.matmul(later, second_kernels)
            later_second, second_carry = _cell_gradient(
                other, slope, second_carry
            )
            to_query = self._through_attention(
                query, weights, to_weights[:, :, time], later_second, sums
            )
            rows = [later_second, to_query, later_first]
            slope = ops.matmul(ops.concatenate(rows, axis=1), first_kernels)
            later_first, first_carry = _cell_gradient(cell, slope, first_carry)
            slopes.append((later_first, later_second, to_query))
        return self._gathered(slopes[::-1], sums)

    def _through_attention(self, query, weights, slopes, rows, sums):
        """Gradient (M, A) of the query; adds to those of keys and weight."""
        rows = ops.reshape(rows, (*self.shape, 4 * self.units))
        slopes = slopes + ops.einsum("bnd,bkd->bnk", rows, self.values)
        mean = ops.sum(weights * slopes, axis=-1, keepdims=True)
        above = (weights * (slopes - mean))[..., None]  # (B, N, K, 1)
        layer = self._layer(control_dependency(query, sums["keys"]))
        sums["weight"] = sums["weight"] + ops.matmul(
            ops.transpose(ops.reshape(layer, (-1, self.query_units))),
            ops.reshape(above, (-1, 1)),
        )
        below = (1 - layer * layer) * above  # (B, N, K, A), but for weight
        sums["keys"] = sums["keys"] + ops.sum(below, axis=1)
        row = ops.reshape(self.weight, (self.query_units,))
        to_query = ops.sum(below, axis=2) * row
        return ops.reshape(to_query, (-1, self.query_units))

    def _gathered(self, slopes, sums):
        """Every gradient as one product over all rows and words."""
        first, second, queries = (
            ops.stack(parts, axis=1) for parts in zip(*slopes, strict=True)
        )  # (M, T, 4U), (M, T, 4U), (M, T, A)
        looking, spoken = (
            ops.stack([word[place] for word in self.saved], axis=1)
            for place in (4, 5)
        )  # h¹ and h², (M, T, U)
        wide, batch = 4 * self.units, self.shape[0]
        for_first = _outer(looking, ops.concatenate([second, queries], axis=2))
        for_second = _outer(
            _before(spoken), ops.concatenate([first, second], axis=2)
        )
        weights = ops.stack([word[3] for word in self.saved], axis=2)
        locations = self.keys.shape[1] or ops.shape(self.keys)[1]
        for_values = ops.einsum(
            "bqk,bqd->bkd",
            ops.reshape(weights, (batch, -1, locations)),
            ops.reshape(second, (batch, -1, wide)),
        )
        row = ops.reshape(self.weight, (self.query_units,))
        return (
            ops.reshape(first, (*self.shape, len(slopes), wide)),
            sums["keys"] * row,
            for_values,
            _outer(_before(looking), first),
            for_second[:, :wide],
            for_first[:, wide:],
            sums["weight"],
            for_first[:, :wide],
            for_second[:, wide:],
        )


def _cell(total, carry):
    """New h and c (M, U) of summed gates (M, 4U), and what to save."""
    units = carry.shape[-1]
    squashed = ops.sigmoid(total[:, : 3 * units])
    into, forget, out = ops.split(squashed, 3, axis=1)
    new = ops.tanh(total[:, 3 * units :])
    after_it = forget * carry + into * new
    bounded = ops.tanh(after_it)
    saved = (squashed, new, bounded, carry)
    return out * bounded, after_it, saved


def _cell_gradient(saved, to_hidden, to_carry):
    """Gradients of the summed gates (M, 4U) and of c before (M, U)."""
    squashed, new, bounded, before = saved
    into, forget, out = ops.split(squashed, 3, axis=1)
    total = to_carry + to_hidden * out * (1 - bounded * bounded)
    gates = [total * new, total * before, to_hidden * bounded]
    gates = ops.concatenate(gates, axis=1) * squashed * (1 - squashed)
    candidate = total * into * (1 - new * new)
    return ops.concatenate([gates, candidate], axis=1), total * forget


def _before(states):
    """States (M, T, U) one word earlier: zeros come first."""
    return ops.pad(states[:, :-1], [(0, 0), (1, 0), (0, 0)])


def _outer(inputs, rows):
    """The gradient (U, W) of a matrix that took (M, T, U) to (M, T, W)."""
    flat = ops.reshape(inputs, (-1, inputs.shape[-1]))
    return ops.matmul(
        ops.transpose(flat), ops.reshape(rows, (-1, rows.shape[-1]))
    )

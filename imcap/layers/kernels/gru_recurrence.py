"""The recurrence of a GRU over any number of words, its gradient written out.

Both ways are one compiled loop, whose length need not be known beforehand,
and the gradient of the recurrent kernel is a single product over all words.
A framework's own gradient of a loop forms it word by word, and does not
compile everywhere.
"""

from keras import ops

from imcap.layers.kernels.written_out import (
    transpose_kernel,
    upstream_slopes,
)


def plain_gru(gates, mask, kernel, bias, reverse=False):
    """Reference GRU: what `run_gru` computes, word after word."""
    hidden, states = ops.zeros_like(gates[0, :, : kernel.shape[0]]), {}
    words = range(gates.shape[0])
    for time in reversed(words) if reverse else words:
        of_input = ops.split(gates[time], 3, axis=1)
        of_state = ops.split(ops.matmul(hidden, kernel) + bias, 3, axis=1)
        reset = ops.sigmoid(of_input[0] + of_state[0])
        update = ops.sigmoid(of_input[1] + of_state[1])
        candidate = ops.tanh(of_input[2] + reset * of_state[2])
        new = (1 - update) * candidate + update * hidden
        hidden = mask[time] * new + (1 - mask[time]) * hidden
        states[time] = hidden
    return ops.stack([states[time] for time in words])


def run_gru(gates, mask, kernel, bias, reverse=False):
    """Runs a GRU over T words, from a zero state.

    Args:
        gates: float tensor (T, C, 3U), what inputs and their bias add to
            reset, update and candidate gates.
        mask: float tensor (T, C, 1), 1 where there is a word; elsewhere the
            state stays what it was.
        kernel: float tensor (U, 3U), the recurrent kernel.
        bias: float tensor (3U,), the recurrent bias.
        reverse: bool, from the last word to the first.

    Returns:
        Hidden states (T, C, U).
    """

    @ops.custom_gradient
    def run(gates, mask, kernel, bias):
        hidden, saved = _forward(gates, mask, kernel, bias, reverse)

        def gradient(*arguments, upstream=None):
            (slope,) = upstream_slopes(arguments, upstream)
            for_gates, for_kernel, for_bias = _backward(
                slope, mask, kernel, hidden, saved, reverse
            )
            return for_gates, ops.zeros_like(mask), for_kernel, for_bias

        return hidden, gradient

    return run(gates, mask, kernel, bias)


def _forward(gates, mask, kernel, bias, reverse):
    units = kernel.shape[0]

    def step(carry, now):
        hidden = carry[0]
        of_input, keep = now
        of_state = ops.matmul(hidden, kernel) + bias  # (C, 3U)
        both = ops.sigmoid(of_input[:, : 2 * units] + of_state[:, : 2 * units])
        reset, update = both[:, :units], both[:, units:]
        recalled = of_state[:, 2 * units :]
        candidate = ops.tanh(of_input[:, 2 * units :] + reset * recalled)
        hidden = hidden + keep * (1 - update) * (candidate - hidden)
        return _both_ways(hidden, reset, update, candidate, recalled)

    start = (ops.zeros_like(gates[0, :, :units]),) * 5
    _, (hidden, *saved) = _scan(step, start, (gates, mask), reverse)
    return hidden, saved


def _scan(step, start, parts, reverse):
    """`ops.scan` over tensors (T, C, …), which pass side by side.

    Keras on TensorFlow fails on several tensors where T is not known.
    """
    widths = [part.shape[-1] for part in parts]
    places = [sum(widths[: i + 1]) for i in range(len(widths) - 1)]

    def of_packed(carry, now):
        return step(carry, ops.split(now, places, axis=-1))

    packed = ops.concatenate(parts, axis=-1)
    return ops.scan(of_packed, start, packed, reverse=reverse)


def _both_ways(*values):
    """What a step carries on and what it leaves behind.

    Keras on TensorFlow wants the two to be of one form.
    """
    return values, values


def _backward(slope, mask, kernel, hidden, saved, reverse):
    """Gradients of gates, kernel and bias."""
    reset, update, candidate, recalled = saved
    units = kernel.shape[0]
    before = _shifted(hidden, reverse)
    # What a step multiplies its slope by does not wait for later steps.
    to_candidate = mask * (1 - update) * (1 - candidate * candidate)
    factors = (
        to_candidate * recalled * reset * (1 - reset),
        mask * (before - candidate) * update * (1 - update),
        to_candidate * reset,
    )
    stays = 1 - mask * (1 - update)
    transposed = transpose_kernel(kernel)

    def step(carry, now):
        upstream, stay, *factors = now
        total = upstream + carry[0]  # (C, U)
        parts = [total * factor for factor in factors]
        row = ops.concatenate(parts, axis=1)  # (C, 3U)
        earlier = ops.matmul(row, transposed) + stay * total
        return _both_ways(earlier, total, *parts)

    start = (ops.zeros_like(slope[0]),) * 5
    _, (_, totals, *parts) = _scan(
        step, start, (slope, stays, *factors), not reverse
    )
    rows = ops.concatenate(parts, axis=-1)  # (T, C, 3U)
    for_kernel = ops.matmul(
        ops.transpose(ops.reshape(before, (-1, units))),
        ops.reshape(rows, (-1, 3 * units)),
    )
    for_gates = ops.concatenate([*parts[:2], totals * to_candidate], axis=-1)
    return for_gates, for_kernel, ops.sum(rows, axis=(0, 1))


def _shifted(hidden, reverse):
    """The state before each word (T, C, U)."""
    zero = ops.zeros_like(hidden[:1])
    if reverse:
        return ops.concatenate([hidden[1:], zero], axis=0)
    return ops.concatenate([zero, hidden[:-1]], axis=0)

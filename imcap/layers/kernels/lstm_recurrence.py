"""The recurrence of an LSTM, with a sentinel or without, gradient written out.

Automatic differentiation of an unrolled loop forms the gradient of the
recurrent kernel as T products of a few rows each and adds them up; written
out, it is one product over all rows and steps, at the speed of a plain
matrix product. Values and gradients are those of the loop.
"""

from keras import ops

from imcap.layers.kernels.written_out import (
    transpose_kernel,
    upstream_slopes,
)


def plain_recurrence(gates, kernel, hidden, carry, sgate=True, hard=False):
    """Reference LSTM: what `run_recurrence` computes, step by step."""
    squash = _hard_sigmoid if hard else ops.sigmoid
    steps = []
    for now in ops.unstack(gates, axis=1):
        parts = ops.split(
            now + ops.matmul(hidden, kernel), 5 if sgate else 4, axis=1
        )
        gate = [squash(part) for part in parts[:-1]]
        carry = gate[1] * carry + gate[0] * ops.tanh(parts[-1])
        hidden = gate[2] * ops.tanh(carry)
        sentinel = (gate[3] * ops.tanh(carry),) if sgate else ()
        steps.append((hidden, carry, *sentinel))
    outputs = _stacked(steps)
    return outputs if sgate else (*outputs, None)


def run_recurrence(gates, kernel, hidden, carry, sgate=True, hard=False):
    """Runs an LSTM over T steps, unrolled.

    Args:
        gates: float tensor (M, T, 5U) (4U without `sgate`), what inputs and
            bias add to input, forget, output, [sentinel,] candidate gates.
        kernel: float tensor (U, 5U), the recurrent kernel.
        hidden: float tensor (M, U), h before the first step.
        carry: float tensor (M, U), c before the first step.
        sgate: bool, whether there is a sentinel gate.
        hard: bool, hard instead of true sigmoid.

    Returns:
        Hidden states, carries and sentinels (None without `sgate`), each
        (M, T, U).
    """
    steps, count = gates.shape[1], 5 if sgate else 4
    if steps is None:
        raise ValueError("the number of words T must be known beforehand")

    @ops.custom_gradient
    def run(gates, kernel, hidden, carry):
        outputs, saved = _forward(gates, kernel, hidden, carry, count, hard)

        def gradient(*arguments, upstream=None):
            slopes = upstream_slopes(arguments, upstream)
            return _backward(saved, kernel, hidden, carry, slopes, hard)

        return outputs, gradient

    outputs = run(gates, kernel, hidden, carry)
    return outputs if sgate else (*outputs, None)


def _forward(gates, kernel, hidden, carry, count, hard):
    squash = _hard_sigmoid if hard else ops.sigmoid
    units = kernel.shape[0]
    saved, outputs = [], []
    for total in ops.unstack(gates, axis=1):
        total = total + ops.matmul(hidden, kernel)  # (M, 5U)
        squashed = squash(total[:, : (count - 1) * units])
        gate = ops.split(squashed, count - 1, axis=1)
        candidate = ops.tanh(total[:, (count - 1) * units :])
        carry = gate[1] * carry + gate[0] * candidate
        bounded = ops.tanh(carry)
        hidden = gate[2] * bounded
        sentinel = (gate[3] * bounded,) if count == 5 else ()
        saved.append((squashed, candidate, bounded))
        outputs.append((hidden, carry, *sentinel))
    outputs = _stacked(outputs)
    return outputs, (_stacked(saved), outputs)


def _stacked(steps):
    """A list over T of tuples of (M, U) to a tuple of (M, T, U)."""
    return tuple(ops.stack(parts, axis=1) for parts in zip(*steps, strict=True))


def _backward(saved, kernel, hidden, carry, upstream, hard):
    (squashed, candidate, bounded), outputs = saved
    before = ops.concatenate([carry[:, None], outputs[1][:, :-1]], axis=1)
    direct, factors = _known_beforehand(
        squashed, candidate, bounded, before, upstream, hard
    )
    transposed = transpose_kernel(kernel)
    from_hidden, from_carry = ops.zeros_like(hidden), ops.zeros_like(carry)
    rows = []
    for now in reversed(list(zip(*direct, *factors, strict=True))):
        to_hidden, to_carry, *sentinel = now[: len(direct)]
        keep, open_out, into, forget, out, new = now[len(direct) :]
        to_hidden = to_hidden + from_hidden
        total = to_carry + from_hidden * open_out + from_carry
        row = ops.concatenate(
            [total * into, total * forget, to_hidden * out, *sentinel]
            + [total * new],
            axis=1,
        )  # (M, 5U)
        rows.append(row)
        from_carry = total * keep
        from_hidden = ops.matmul(row, transposed)
    for_gates = ops.stack(rows[::-1], axis=1)  # (M, T, 5U)
    inputs = ops.concatenate([hidden[:, None], outputs[0][:, :-1]], axis=1)
    for_kernel = ops.matmul(
        ops.transpose(ops.reshape(inputs, (-1, kernel.shape[0]))),
        ops.reshape(for_gates, (-1, kernel.shape[1])),
    )
    return for_gates, for_kernel, from_hidden, from_carry


def _known_beforehand(squashed, candidate, bounded, before, upstream, hard):
    """What of the gradient does not wait for later steps, for all T at once.

    Returns:
        Slopes of h and c, and what goes to the sentinel gate where there is
        one, from upstream alone; and what a step multiplies them by: the
        forget gate, h into c, and the input, forget, output and candidate
        gates' shares. Each a list over T of (M, U).
    """
    count = squashed.shape[-1] // candidate.shape[-1]
    gates = ops.split(squashed, count, axis=-1)
    slopes = ops.split(_slope(squashed, hard), count, axis=-1)
    curve = 1 - bounded * bounded
    open_out = gates[2] * curve
    to_carry = upstream[0] * open_out + upstream[1]
    direct = [upstream[0], to_carry]
    if count == 4:
        direct[1] = to_carry + upstream[2] * gates[3] * curve
        direct.append(upstream[2] * bounded * slopes[3])
    factors = [
        gates[1],
        open_out,
        candidate * slopes[0],
        before * slopes[1],
        bounded * slopes[2],
        gates[0] * (1 - candidate * candidate),
    ]
    return tuple(
        [ops.unstack(part, axis=1) for part in parts]
        for parts in (direct, factors)
    )


def _hard_sigmoid(values):
    """Keras 1's hard sigmoid; the slope of today's is 1/6, not .2."""
    return ops.clip(0.2 * values + 0.5, 0.0, 1.0)


def _slope(squashed, hard):
    """Derivative of the gate's squashing function, from its value."""
    if not hard:
        return squashed * (1 - squashed)
    inside = ops.logical_and(squashed > 0, squashed < 1)
    return 0.2 * ops.cast(inside, squashed.dtype)

"""The recurrence of the sentinel LSTM, with its gradient written out.

Automatic differentiation of an unrolled loop forms the gradient of the
recurrent kernel as T products of a few rows each and adds them up; written
out, it is one product over all rows and steps, at the speed of a plain
matrix product. Values and gradients are those of the loop.
"""

import keras
from keras import ops


def run_recurrence(gates, kernel, hidden, carry, sgate=True, hard=False):
    """Runs the cell over T steps, unrolled.

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
            # One by one, as a tuple, or by name: backends differ.
            upstream = arguments if upstream is None else upstream
            slopes = keras.tree.flatten(upstream)
            return _backward(saved, kernel, hidden, carry, slopes, hard)

        return outputs, gradient

    outputs = run(gates, kernel, hidden, carry)
    return outputs if sgate else (*outputs, None)


def _forward(gates, kernel, hidden, carry, count, hard):
    squash = _hard_sigmoid if hard else ops.sigmoid
    units = kernel.shape[0]
    saved, outputs = [], []
    for step in range(gates.shape[1]):
        total = gates[:, step] + ops.matmul(hidden, kernel)  # (M, 5U)
        squashed = squash(total[:, : (count - 1) * units])
        gate = ops.split(squashed, count - 1, axis=1)
        candidate = ops.tanh(total[:, (count - 1) * units :])
        carry = gate[1] * carry + gate[0] * candidate
        bounded = ops.tanh(carry)
        hidden = gate[2] * bounded
        sentinel = (gate[3] * bounded,) if count == 5 else ()
        saved.append((squashed, gate, candidate, bounded))
        outputs.append((hidden, carry, *sentinel))
    stacked = tuple(
        ops.stack(parts, axis=1) for parts in zip(*outputs, strict=True)
    )
    return stacked, (saved, outputs)


def _backward(saved, kernel, hidden, carry, upstream, hard):
    saved, outputs = saved
    transposed = ops.transpose(kernel)
    rows, from_carry = [], ops.zeros_like(carry)
    from_hidden = ops.zeros_like(hidden)
    for step in reversed(range(len(saved))):
        squashed, gate, candidate, bounded = saved[step]
        before = outputs[step - 1][1] if step else carry
        slopes = [part[:, step] for part in upstream]
        slope = slopes[0] + from_hidden
        squeezed = [None, None, slope * bounded]
        from_bounded = slope * gate[2]
        if len(slopes) == 3:
            squeezed.append(slopes[2] * bounded)
            from_bounded = from_bounded + slopes[2] * gate[3]
        total = from_bounded * (1 - bounded * bounded)
        total = total + slopes[1] + from_carry
        squeezed[0], squeezed[1] = total * candidate, total * before
        row = ops.concatenate(
            [
                ops.concatenate(squeezed, axis=1) * _slope(squashed, hard),
                total * gate[0] * (1 - candidate * candidate),
            ],
            axis=1,
        )  # (M, 5U)
        rows.append(row)
        from_carry = total * gate[1]
        from_hidden = ops.matmul(row, transposed)
    for_gates = ops.stack(rows[::-1], axis=1)  # (M, T, 5U)
    inputs = ops.stack([hidden, *(o[0] for o in outputs[:-1])], axis=1)
    width = kernel.shape[1]
    for_kernel = ops.matmul(
        ops.transpose(ops.reshape(inputs, (-1, kernel.shape[0]))),
        ops.reshape(for_gates, (-1, width)),
    )
    return for_gates, for_kernel, from_hidden, from_carry


def _hard_sigmoid(values):
    """Keras 1's hard sigmoid; the slope of today's is 1/6, not .2."""
    return ops.clip(0.2 * values + 0.5, 0.0, 1.0)


def _slope(squashed, hard):
    """Derivative of the gate's squashing function, from its value."""
    if not hard:
        return squashed * (1 - squashed)
    inside = ops.logical_and(squashed > 0, squashed < 1)
    return 0.2 * ops.cast(inside, squashed.dtype)

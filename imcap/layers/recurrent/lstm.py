"""One step of a plain LSTM, and the state that it begins with."""

from keras import ops

from imcap.layers.kernels.lstm_recurrence import run_recurrence


def lstm_step(gates, state, kernel):
    """LSTM step: `i, f, o = σ(·)`, `c' = f∘c + i∘tanh(·)`, `h' = o∘tanh(c')`.

    Args:
        gates: float tensor (B, N, 4U), what inputs and bias add to input,
            forget, output and candidate gates.
        state: h and c, float tensors (B, N, U).
        kernel: (U, 4U), the recurrent kernel.

    Returns:
        The new h and c, (B, N, U) each.

    Example:
        >>> hidden, carry = lstm_step(gates, (hidden, carry), kernel)
    """
    # The written-out gradient wants a tensor, not the variable itself.
    kernel = ops.cast(ops.reshape(kernel, kernel.shape), gates.dtype)
    units = kernel.shape[0]
    hidden, carry, _ = run_recurrence(
        ops.reshape(gates, (-1, 1, 4 * units)),
        kernel,
        *(ops.reshape(part, (-1, units)) for part in state),
        sgate=False,
    )
    shape = ops.shape(state[0])
    return ops.reshape(hidden, shape), ops.reshape(carry, shape)


def spread_state(start, count):
    """LSTM state h and c, (B, count, U) each, of start (B, 2U)."""
    batch, width = ops.shape(start)[0], start.shape[-1]
    return tuple(
        ops.broadcast_to(part[:, None], (batch, count, width // 2))
        for part in ops.split(start, 2, axis=-1)
    )

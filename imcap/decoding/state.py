"""What every decoder returns, and the loop state they share."""

import collections

import keras
from keras import ops

Decoded = collections.namedtuple(
    "Decoded", ["tokens", "log_probabilities", "scores", "attention"]
)


Decoded.__doc__ = """Captions of B images, N each, of at most T tokens.

Attributes:
    tokens: int32 tensor (B, N, T), each caption with its eos, then padding.
    log_probabilities: float32 tensor (B, N, T), of each token; 0 in padding.
    scores: float32 tensor (B, N), by which the N of an image are ordered:
        the sum of log-probabilities, divided by the length penalty.
    attention: dict of tensors (B, N, T, …), what each token looked at;
        0 in padding.
"""


def empty_buffers(attention, steps):
    """Zero tensors (T, …) for T steps of what one step looked at."""
    return keras.tree.map_structure(
        lambda part: ops.zeros((steps, *ops.shape(part)), dtype=part.dtype),
        attention,
    )


def write(buffers, step, values):
    """Buffers with `values` in place number `step` of their first axis."""
    return keras.tree.map_structure(
        lambda buffer, value: ops.slice_update(
            buffer, (step,) + (0,) * (len(buffer.shape) - 1), value[None]
        ),
        buffers,
        values,
    )


def put(sequence, step, value):
    """Sequence (B, N, T) with `value` (B, N) at position `step`."""
    return ops.slice_update(sequence, (0, 0, step), value[:, :, None])


def token_log_probabilities(logits, tokens):
    """Log-probabilities (B, N) of tokens (B, N) under logits (B, N, V)."""
    chosen = ops.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return chosen - ops.logsumexp(logits, axis=-1)


def words_first(buffers, finished_before):
    """Buffers (T, B, N, …) to (B, N, T, …), zero where nothing was said.

    Args:
        buffers: nested structure of tensors (T, B, N, …).
        finished_before: boolean tensor (B, N, T), True in padding.
    """

    def turn(buffer):
        rank = len(buffer.shape)
        turned = ops.transpose(buffer, (1, 2, 0, *range(3, rank)))
        padding = ops.reshape(
            finished_before, (*ops.shape(finished_before), *[1] * (rank - 3))
        )
        return ops.where(padding, ops.zeros_like(turned), turned)

    return keras.tree.map_structure(turn, buffers)


def padding_after(tokens, eos_id):
    """Boolean tensor (B, N, T): True behind the first eos of each caption."""
    ended = ops.cumsum(ops.cast(tokens == eos_id, "int32"), axis=2)
    ended = ended - ops.cast(tokens == eos_id, "int32")
    return ended > 0


def continued(state, parents):
    """The state of the beams `parents` (B, N), whose places change.

    What a dict calls "in_place" stays as it is: it belongs to places, not to
    the hypotheses that stand there.
    """
    if isinstance(state, dict):
        return {
            name: part if name == "in_place" else continued(part, parents)
            for name, part in state.items()
        }
    if isinstance(state, (tuple, list)):
        return type(state)(continued(part, parents) for part in state)
    return of_parents(state, parents)


def of_parents(values, parents):
    """Rows of `values` (B, N, …) at `parents` (B, M): (B, M, …)."""
    batch, beams = ops.shape(values)[:2]
    first = ops.arange(batch, dtype="int32")[:, None] * beams
    rest = ops.shape(values)[2:]
    rows = ops.reshape(values, (-1, *rest))
    index = ops.reshape(parents + first, (-1,))
    return ops.reshape(
        ops.take(rows, index, axis=0), (batch, parents.shape[1], *rest)
    )

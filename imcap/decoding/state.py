"""The result of every decoder, and the loop state that they share."""

import collections

import keras
from keras import ops

Decoded = collections.namedtuple(
    "Decoded", ["tokens", "log_probs", "scores", "attention"]
)


Decoded.__doc__ = """Captions of B images, N each, of at most T tokens.

Attributes:
    tokens: int32 tensor (B, N, T), each caption with its eos, then padding.
    log_probs: float32 tensor (B, N, T), of each token; 0 in padding.
    scores: float32 tensor (B, N), by which the N of an image are ordered:
        the sum of log-probabilities, divided by the length penalty.
    attention: dict of tensors (B, N, T, …), attention at each token; 0 in
        padding.
"""


def empty_buffers(attention, steps):
    """Zero tensors (T, …) for the attention of T steps."""
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


def token_log_probs(logits, tokens):
    """Log-probabilities (B, N) of tokens (B, N) under logits (B, N, V)."""
    chosen = ops.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return chosen - ops.logsumexp(logits, axis=-1)


def to_batch_major(buffers, padding):
    """Buffers (T, B, N, …) as (B, N, T, …), zero in padding.

    Args:
        buffers: nested structure of tensors (T, B, N, …).
        padding: boolean tensor (B, N, T), True in padding.
    """

    def transpose(buffer):
        rank = len(buffer.shape)
        transposed = ops.transpose(buffer, (1, 2, 0, *range(3, rank)))
        wide = (*ops.shape(padding), *[1] * (rank - 3))
        return ops.where(
            ops.reshape(padding, wide), ops.zeros_like(transposed), transposed
        )

    return keras.tree.map_structure(transpose, buffers)


def padding_mask(tokens, eos_id):
    """Boolean tensor (B, N, T): True behind the first eos of each caption."""
    ended = ops.cumsum(ops.cast(tokens == eos_id, "int32"), axis=2)
    ended = ended - ops.cast(tokens == eos_id, "int32")
    return ended > 0


def reorder_state(state, parents):
    """The states of `parents` (B, N), for beams that continue them.

    What a dict calls "in_place" stays as it is: it belongs to places, not to
    the hypotheses that stand there.
    """
    if isinstance(state, dict):
        return {
            name: part if name == "in_place" else reorder_state(part, parents)
            for name, part in state.items()
        }
    if isinstance(state, (tuple, list)):
        return type(state)(reorder_state(part, parents) for part in state)
    return gather_beams(state, parents)


def gather_beams(values, parents):
    """Beams `parents` (B, M) of `values` (B, N, …): (B, M, …)."""
    batch, beams = ops.shape(values)[:2]
    first = ops.arange(batch, dtype="int32")[:, None] * beams
    rest = ops.shape(values)[2:]
    rows = ops.reshape(values, (-1, *rest))
    index = ops.reshape(parents + first, (-1,))
    return ops.reshape(
        ops.take(rows, index, axis=0), (batch, parents.shape[1], *rest)
    )

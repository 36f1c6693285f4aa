"""Constraints of decoding: banned tokens and repeated n-grams."""

from keras import ops

# Added to the logits of banned tokens: far below any real logit, and still
# finite when several are added.
BANNED = -1e9


def banned_tokens(size, ids):
    """Penalties on tokens that must not be decoded.

    Args:
        size: int, V.
        ids: token ids never to be decoded.

    Returns:
        Float32 tensor (V,): 0, or `BANNED` for the given ids.
    """
    ids = sorted(set(ids))
    if any(not 0 <= token < size for token in ids):
        raise ValueError(f"banned ids {ids} exceed the vocabulary of {size}")
    penalty = [0.0] * size
    for token in ids:
        penalty[token] = BANNED
    return ops.convert_to_tensor(penalty, dtype="float32")


def repeated_ngrams(tokens, length, size, vocabulary_size):
    """Penalties on tokens that would repeat an n-gram.

    Args:
        tokens: int32 tensor (B, N, T), the caption so far, then anything.
        length: int32 scalar, how many tokens count.
        size: int, n of the n-grams, at least 1.
        vocabulary_size: int, V.

    Returns:
        Float32 tensor (B, N, V) of zeros and `BANNED` or less.
    """
    batch, count, steps = ops.shape(tokens)
    # same[p] says whether the size - 1 tokens from p on are the last ones.
    starts = ops.arange(steps, dtype="int32")
    same = starts + size - 1 < length  # (T,)
    same = ops.broadcast_to(same, (batch, count, steps))
    for offset in range(size - 1):
        last = ops.take(
            tokens, ops.maximum(length - size + 1 + offset, 0), axis=2
        )
        shifted = ops.roll(tokens, -offset, axis=2)
        same = ops.logical_and(same, shifted == last[:, :, None])
    following = ops.roll(tokens, -(size - 1), axis=2)  # (B, N, T)
    rows = ops.arange(batch * count, dtype="int32") * vocabulary_size
    flat = ops.reshape(following, (-1, steps)) + rows[:, None]
    penalty = ops.where(ops.reshape(same, (-1, steps)), BANNED, 0.0)
    summed = ops.segment_sum(
        ops.reshape(penalty, (-1,)),
        ops.reshape(flat, (-1,)),
        num_segments=batch * count * vocabulary_size,
    )
    return ops.reshape(summed, (batch, count, vocabulary_size))

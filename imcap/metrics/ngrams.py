"""N-gram counts of captions as tensors: one caption's in another."""

import collections

from keras import ops

from imcap.metrics.cider import LONGEST

# Stands behind the end of a caption and equals no word.
NOTHING = -1


# Bits of an int32 that say at which words something stands; its sign is
# left alone.
WINDOW = 31


# Captions are the N samples of an image, then its R references.
# count: int, N, which shapes forget where R is unknown;
# tokens: int32 (B, N + R, T); lengths: float32 (B, N + R), in words with the
# end; complete: boolean (4, B, N + R, T), where an n-gram starts that the
# caption holds whole; own: float32 (4, B, N + R, T), how often its caption
# holds it; theirs: float32 (4, B, N, R, T), how often each reference holds
# the n-gram of a sample. The first axis is n = 1 to 4.
Overlap = collections.namedtuple(
    "Overlap", "count tokens lengths complete own theirs"
)


def compare_ngrams(samples, references, pad_id=0, eos_id=0):
    """N-gram overlap of all samples of an image with all its references.

    Args:
        samples: int32 tensor (B, N, T), N and T known.
        references: int32 tensor (B, R, S), S known.
        pad_id: int.
        eos_id: int.

    Returns:
        An `Overlap`.
    """
    count = samples.shape[1]
    width = max(samples.shape[2], references.shape[2])
    both = [cut_at_end(ids, pad_id, eos_id) for ids in (samples, references)]
    # Only now: padding behind a caption without an end would end it.
    tokens = ops.concatenate([_pad_to(t, width) for t, _ in both], axis=1)
    lengths = ops.concatenate([lengths for _, lengths in both], axis=1)
    theirs = count_occurrences(tokens[:, :count, None], tokens[:, None, count:])
    return Overlap(
        count,
        tokens,
        ops.cast(lengths, "float32"),
        ops.stack([shift_left(tokens, n) >= 0 for n in range(LONGEST)]),
        ops.cast(count_occurrences(tokens, tokens), "float32"),
        ops.cast(theirs, "float32"),
    )


def float_reference_mask(references, reference_mask=None, pad_id=0):
    """Mask of references: float32 (B, R), 1 where there is one.

    Args:
        references: int32 tensor (B, R, S).
        reference_mask: boolean tensor (B, R), True = keep; None: a row of
            nothing but padding is no reference.
        pad_id: int.
    """
    if reference_mask is None:
        reference_mask = ops.any(ops.not_equal(references, pad_id), axis=-1)
    return ops.cast(reference_mask, "float32")


def cut_at_end(ids, pad_id=0, eos_id=0):
    """Truncates captions behind their first end, which counts as a word.

    Args:
        ids: int32 tensor (..., T). A caption ends with its first `eos_id`
            or `pad_id`; one without either fills its row and has no end.
        pad_id: int.
        eos_id: int, what the end reads as.

    Returns:
        (tokens, lengths): int32 (..., T) with `NOTHING` behind the end, and
        int32 (...), words with the end.
    """
    ids = ops.cast(ids, "int32")
    is_end = ops.logical_or(ops.equal(ids, pad_id), ops.equal(ids, eos_id))
    ends = ops.cast(is_end, "int32")
    inside = ops.equal(ops.cumsum(ends, axis=-1) - ends, 0)  # (..., T)
    tokens = ops.where(inside, ops.where(is_end, eos_id, ids), NOTHING)
    return tokens, ops.sum(ops.cast(inside, "int32"), axis=-1)


def shift_left(values, count, fill=NOTHING):
    """Shifts `values` (..., T) left by `count`, filling with `fill`."""
    room = [(0, 0)] * (len(values.shape) - 1) + [(0, count)]
    if count == 0:
        return values
    return ops.pad(values[..., count:], room, constant_values=fill)


def count_occurrences(tokens, others):
    """Counts how often each n-gram of a caption occurs in another.

    Words are compared pair by pair, once: for each word, the places of its
    equals become the bits of one integer, and an n-gram's places are those
    where the bits of its n words, moved along, agree.

    Args:
        tokens: int32 (..., T) of `cut_at_end`.
        others: int32 (..., S), whose leading axes broadcast with those of
            `tokens`.

    Returns:
        int32 (4, ..., T): for n = 1 to 4, of the n-gram that starts at
        each word; meaningless where the caption ends before it does.
    """
    length = others.shape[-1]
    # Each window shares its last words with the next, so that no n-gram
    # falls between two; those that start there are left to the next.
    stride = WINDOW - LONGEST + 1
    total = 0
    for start in range(0, max(length - LONGEST + 1, 1), stride):
        window = others[..., start : start + WINDOW]
        is_last = start + WINDOW >= length
        bits = WINDOW if is_last else stride
        total = total + _count_within(tokens, window, (1 << bits) - 1)
    return total


def _count_within(tokens, window, counted):
    """`count_occurrences` in a short window, where `counted` has bits set."""
    bits = ops.array([1 << i for i in range(window.shape[-1])], "int32")
    equal = ops.equal(tokens[..., None], window[..., None, :])
    places = ops.sum(ops.where(equal, bits, 0), axis=-1)  # (..., T)
    # Where integers have 64 bits, sums do too.
    places = ops.cast(places, "int32")
    runs = [places]
    for n in range(1, LONGEST):
        moved = ops.right_shift(shift_left(places, n, 0), n)
        runs.append(ops.bitwise_and(runs[-1], moved))
    return count_set_bits(ops.bitwise_and(ops.stack(runs), counted))


def count_set_bits(values):
    """Population count of each int32, none of them negative."""

    def folded(values, shift, mask):
        upper = ops.bitwise_and(ops.right_shift(values, shift), mask)
        return ops.bitwise_and(values, mask) + upper

    # Sums of neighbouring bits, then of pairs, then of fours.
    values = folded(values, 1, 0x55555555)
    values = folded(values, 2, 0x33333333)
    values = folded(values, 4, 0x0F0F0F0F)
    # The product's highest byte is the sum of all four.
    return ops.right_shift(values * 0x01010101, 24)


def _pad_to(tokens, width):
    """Pads `tokens` (B, N, T) with `NOTHING` to (B, N, width)."""
    room = [(0, 0), (0, 0), (0, width - tokens.shape[-1])]
    return ops.pad(tokens, room, constant_values=NOTHING)

"""Cuckoo hash table of n-gram weights (IDF), searched inside the graph.

An n-gram is two int32: words 1 and 2 in `high`, words 3 and 4 in `low`, 16
bits each, as id + 1, so that 0 says "no word". N-grams of different length
therefore differ, and none of a vocabulary of up to 65,535 words collides.

Each n-gram lies in one of two slots that follow from its words (cuckoo
hashing), so a search is two looks however large the table is. A sorted table
of 3.5 million would take 22 dependent looks, far apart in memory.
"""

import collections

import numpy as np
from keras import ops

from imcap.metrics.cider import LONGEST
from imcap.metrics.ngrams import shift_left

LARGEST_VOCABULARY = 65_535


# Odd multipliers of usual integer hashes, as signed numbers of 32 bits.
MULTIPLIERS = tuple(
    number - (1 << 32) if number >> 31 else number
    for number in (0x7FEB352D, 0x846CA68B, 0x9E3779B1, 0x85EBCA6B)
)


# Slots per n-gram; with fewer than two, n-grams push one another for ever.
ROOM = 2.3


SEEDS, ROUNDS = 20, 500


# highs, lows: int32 (slots,), 0 in empty ones; weights: float32 (slots,);
# unseen: float32, the weight of n-grams that are not there; seed: int32.
FrequencyTable = collections.namedtuple(
    "FrequencyTable", "highs lows weights unseen seed"
)


def frequency_table(ngrams, counts, images):
    """Hash table of the IDF weights `log images - log max(1, count)`.

    Args:
        ngrams: uint16 array (M, 4), all different: words as id + 1, and 0
            behind an n-gram of fewer than four words.
        counts: array (M,), images in whose captions an n-gram occurs.
        images: int, number of all images.

    Returns:
        A `FrequencyTable` of NumPy arrays.

    Raises:
        ValueError: an n-gram occurs in more images than there are, or is
            listed twice.
    """
    high, low = _pack(ngrams)
    counts = np.asarray(counts)
    if counts.size and counts.max() > images:
        raise ValueError(
            f"an n-gram is in the captions of {counts.max()} images, and "
            f"there are only {images}"
        )
    both = (high.astype("int64") << 32) | low.view("uint32")
    if np.unique(both).size < both.size:
        raise ValueError("an n-gram is listed twice")
    owner, seed = _assign_slots(high, low)
    weights = np.log(images) - np.log(np.maximum(1.0, counts))
    taken = owner >= 0
    columns = []
    for column in (high, low, weights.astype("float32")):
        columns.append(np.zeros(owner.shape, column.dtype))
        columns[-1][taken] = column[owner[taken]]
    return FrequencyTable(*columns, np.float32(np.log(images)), seed)


def _pack(ngrams):
    """Packs n-grams, uint16 (M, 4): (high, low), int32 (M,)."""
    ngrams = np.asarray(ngrams)
    if ngrams.dtype != "uint16" or ngrams.shape[1:] != (LONGEST,):
        raise ValueError(
            f"n-grams are uint16 (M, {LONGEST}), got {ngrams.dtype} "
            f"{ngrams.shape}"
        )
    words = ngrams.astype("uint32")
    halves = [(words[:, i] << 16) | words[:, i + 1] for i in (0, 2)]
    return [half.view("int32") for half in halves]


def _assign_slots(high, low):
    """Which n-gram lies in which slot, int64 (slots,) with -1, and a seed."""
    bits = max(int(ROOM * len(high)).bit_length(), 4)
    for seed in range(SEEDS):
        slots = candidate_slots(high, low, bits, np.int32(seed), np)
        owner = _place_all(np.stack(slots), 1 << bits)
        if owner is not None:
            return owner, np.int32(seed)
    raise ValueError("the n-grams cannot be laid out; are some listed twice?")


def _place_all(slots, size):
    """Cuckoo hashing: the owners of all slots; None where it fails.

    Each n-gram goes into one of its two slots (2, M).

    All that wait move in at once; whoever loses a slot, or is pushed out of
    it, tries its other one in the next round.
    """
    owner = np.full(size, -1)
    turn = np.zeros(slots.shape[1], "int8")
    waiting = np.arange(slots.shape[1])
    for _ in range(ROUNDS):
        if not waiting.size:
            return owner
        wanted = slots[turn[waiting], waiting]
        pushed = owner[wanted]
        owner[wanted] = waiting
        lost = waiting[owner[wanted] != waiting]
        waiting = np.concatenate([lost, np.unique(pushed[pushed >= 0])])
        turn[waiting] ^= 1
    return None


def candidate_slots(high, low, bits, seed, operations):
    """Hashes n-grams: the two slots in which each may lie.

    Args:
        high: int32 array or tensor, words 1 and 2.
        low: the same, words 3 and 4.
        bits: int; there are `2 ** bits` slots.
        seed: int32.
        operations: `numpy` or `keras.ops`, which give the same numbers.

    Returns:
        Two int32 arrays or tensors.
    """

    def mix(values, multiplier):
        # A shift to the right copies the sign; the copies are cut off.
        upper = operations.right_shift(values, 15)
        upper = operations.bitwise_and(upper, (1 << 17) - 1)
        return operations.bitwise_xor(values, upper) * multiplier

    def slot(values, multiplier):
        values = mix(values, multiplier)
        values = operations.right_shift(values, 32 - bits)
        return operations.bitwise_and(values, (1 << bits) - 1)

    one, two, three, four = MULTIPLIERS
    values = mix(mix(high + seed, one) + low, two)
    return slot(values, three), slot(values + low, four)


def ngram_weights(table, tokens):
    """IDF weights of the n-grams that start at each word.

    Args:
        table: `FrequencyTable` of tensors.
        tokens: int32 (..., T) of `cut_at_end`.

    Returns:
        float32 (4, ..., T), for n = 1 to 4; meaningless where the caption
        ends before the n-gram does.
    """
    words = [shift_left(tokens, n) + 1 for n in range(LONGEST)]
    one, three = (ops.left_shift(words[i], 16) for i in (0, 2))
    two, four = one + words[1], three + words[3]
    nothing = ops.zeros_like(one)
    high = ops.stack([one, two, two, two])  # (4, ..., T)
    low = ops.stack([nothing, nothing, three, four])
    bits = (table.highs.shape[0] - 1).bit_length()
    first, second = candidate_slots(high, low, bits, table.seed, ops)

    def lies_in(slot):
        return ops.logical_and(
            ops.equal(ops.take(table.highs, slot, axis=0), high),
            ops.equal(ops.take(table.lows, slot, axis=0), low),
        )

    in_first = lies_in(first)
    slot = ops.where(in_first, first, second)
    seen = ops.logical_or(in_first, lies_in(second))
    weights = ops.take(table.weights, slot, axis=0)
    return ops.where(seen, weights, table.unseen)

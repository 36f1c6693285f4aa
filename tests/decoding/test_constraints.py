"""Words and repetitions that decoders are told to avoid."""

import itertools

import numpy as np
import pytest
from keras import ops

from helpers.chain import (
    BOS,
    EOS,
    PAD,
    VOCABULARY,
    Chain,
    caption,
    decode,
)
from imcap.decoding import banned_tokens, beam_search, greedy
from imcap.decoding.constraints import repeated_ngrams


def test_banned_words_are_not_said():
    chain = Chain(seed=6)
    penalty = banned_tokens(VOCABULARY, [3, 4, PAD, BOS])
    decoded = decode(beam_search, chain, 2, penalty=penalty)
    assert np.all(ops.convert_to_numpy(decoded.tokens)[:, 0, 0] == EOS)
    with pytest.raises(ValueError, match="exceed"):
        banned_tokens(VOCABULARY, [VOCABULARY])


def test_repeated_ngrams_are_found():
    said = np.array([[[3, 4, 3, 4, 3, 0], [1, 2, 3, 4, 1, 0]]], "int32")
    for size in (1, 2, 3):
        penalty = ops.convert_to_numpy(
            repeated_ngrams(
                ops.convert_to_tensor(said),
                ops.convert_to_tensor(5, dtype="int32"),
                size,
                VOCABULARY,
            )
        )
        for row in range(2):
            words = list(said[0, row, :5])
            grams = {tuple(words[i : i + size]) for i in range(5 - size + 1)}
            last = words[5 - size + 1 :]
            banned = {
                word for word in range(VOCABULARY) if (*last, word) in grams
            }
            assert set(np.flatnonzero(penalty[0, row] < 0)) == banned


def test_no_ngram_is_said_twice():
    chain = Chain(seed=7)
    # Push towards 3 and 4 alternating for ever.
    chain.table[:, :, 3, 4] = chain.table[:, :, 4, 3] = 9
    chain.table[:, :, BOS, 3] = 9
    for decoder in (beam_search, greedy):
        decoded = decode(decoder, chain, 2, no_repeat_ngram=2)
        for row in ops.convert_to_numpy(decoded.tokens)[:, 0]:
            words = caption(row)
            pairs = list(itertools.pairwise(words))
            assert len(pairs) == len(set(pairs))

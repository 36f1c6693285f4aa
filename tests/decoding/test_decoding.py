"""Decoders against exhaustive search and plain Python."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.chain import (
    BATCH,
    BOS,
    EOS,
    PAD,
    PLACES,
    STEPS,
    VOCABULARY,
    Chain,
    caption,
    decode,
)
from imcap.decoding import beam_search, greedy, sample
from imcap.decoding.sampling import sample_inverse_cdf, truncate_logits


def test_wide_beam_finds_the_best_caption():
    chain = Chain()
    wide = 5 * 5 * 5
    decoded = decode(beam_search, chain, wide, returned=3)
    for image in range(BATCH):
        best = chain.every_caption(image)[:3]
        for place, (score, words) in enumerate(best):
            row = ops.convert_to_numpy(decoded.tokens)[image, place]
            assert caption(row) == words
            np.testing.assert_allclose(
                ops.convert_to_numpy(decoded.scores)[image, place],
                score,
                rtol=1e-5,
            )


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0])
def test_beam_is_the_plain_python_beam(penalty):
    chain = Chain(seed=1)
    decoded = decode(beam_search, chain, 3, length_penalty=penalty)

    def rank(hypothesis):
        total, words = hypothesis
        return total / len(words) ** penalty

    for image in range(BATCH):
        beams = [(0.0, [])]
        for _ in range(STEPS):
            grown = [beam for beam in beams if beam[1][-1:] == [EOS]]
            for _, words in beams:
                if words[-1:] != [EOS]:
                    grown += [
                        (sum(chain.log_probs(image, [*words, w])), [*words, w])
                        for w in range(VOCABULARY)
                    ]
            beams = sorted(grown, key=rank, reverse=True)[:3]
        ended = [b for b in beams if b[1][-1] == EOS] or beams
        row = ops.convert_to_numpy(decoded.tokens)[image, 0]
        assert caption(row) == ended[0][1]


def test_beam_attention_belongs_to_the_words_of_the_beam():
    chain = Chain(seed=2)
    decoded = decode(beam_search, chain, 4, returned=4)
    tokens = ops.convert_to_numpy(decoded.tokens)
    seen = ops.convert_to_numpy(decoded.attention["weights"])
    assert seen.shape == (BATCH, 4, STEPS, PLACES)
    for image, beam in np.ndindex(BATCH, 4):
        words = caption(tokens[image, beam])
        before = [BOS, *words[:-1]]
        expected = [word * 10 + time for time, word in enumerate(before)]
        expected += [0] * (STEPS - len(words))
        np.testing.assert_array_equal(seen[image, beam, :, 0], expected)


def test_beam_of_one_is_greedy():
    chain = Chain(seed=3)
    beam = decode(beam_search, chain, 1)
    plain = decode(greedy, chain, 1)
    for a, b in zip(
        keras.tree.flatten(beam), keras.tree.flatten(plain), strict=True
    ):
        np.testing.assert_allclose(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-6
        )


def test_log_probabilities_are_the_models_own():
    chain = Chain(seed=4)
    uniforms = np.random.default_rng(0).random((BATCH, 6, STEPS))
    decoded = sample(
        chain.step,
        chain.start(6),
        ops.convert_to_tensor(uniforms.astype("float32")),
        BOS,
        EOS,
        PAD,
        temperature=0.5,
        top_k=3,
    )
    tokens = ops.convert_to_numpy(decoded.tokens)
    log_probs = ops.convert_to_numpy(decoded.log_probs)
    for image, number in np.ndindex(BATCH, 6):
        words = caption(tokens[image, number])
        expected = chain.log_probs(image, words)
        expected += [0.0] * (STEPS - len(words))
        np.testing.assert_allclose(
            log_probs[image, number], expected, rtol=1e-5, atol=1e-6
        )
        assert all(tokens[image, number, len(words) :] == PAD)


def test_sampling_frequencies_match_the_probabilities():
    chain = Chain(seed=5, batch=1)
    count = 4000
    uniforms = np.random.default_rng(1).random((1, count, STEPS))
    decoded = sample(
        chain.step,
        chain.start(count),
        ops.convert_to_tensor(uniforms.astype("float32")),
        BOS,
        EOS,
        PAD,
    )
    first = ops.convert_to_numpy(decoded.tokens)[0, :, 0]
    row = chain.logits(0, 0, BOS)
    expected = np.exp(row) / np.exp(row).sum() * count
    found = np.bincount(first, minlength=VOCABULARY)
    # 18.5 is the .999 quantile of chi-square with 4 degrees of freedom.
    assert ((found - expected) ** 2 / expected).sum() < 18.5


def test_inverse_transform_takes_the_ends():
    logits = ops.convert_to_tensor([[[0.0, -1e9, 0.0, -1e9]]])
    low = sample_inverse_cdf(logits, ops.convert_to_tensor([[0.0]]))
    high = sample_inverse_cdf(logits, ops.convert_to_tensor([[0.9999999]]))
    assert int(low[0, 0]) == 0
    assert int(high[0, 0]) == 2


def test_truncation_keeps_the_likeliest():
    shares = np.array([0.5, 0.25, 0.15, 0.1], "float32")
    logits = ops.convert_to_tensor(np.log(shares))

    def kept(**options):
        left = ops.convert_to_numpy(truncate_logits(logits, **options))
        return [i for i, value in enumerate(left) if value > -1e6]

    assert kept(top_k=2) == [0, 1]
    assert kept(top_p=0.6) == [0, 1]
    assert kept(top_p=0.01) == [0]
    assert kept(top_p=0.89) == [0, 1, 2]
    assert kept() == [0, 1, 2, 3]


def test_bad_arguments_are_refused():
    chain = Chain()
    with pytest.raises(ValueError, match="returned"):
        decode(beam_search, chain, 2, returned=3)
    with pytest.raises(ValueError, match="temperature"):
        sample(
            chain.step,
            chain.start(1),
            ops.zeros((BATCH, 1, STEPS)),
            1,
            2,
            temperature=0.0,
        )

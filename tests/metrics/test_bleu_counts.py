"""Corpus BLEU from counts is the COCO server's, whatever is resampled."""

import numpy as np
import pytest

from imcap.metrics.bleu_counts import bleu_counts, corpus_bleu
from imcap.metrics.coco import score_captions

WORDS = ["a", "dog", "cat", "man", "runs", "sits", "on", "grass"]


def drawn(random, count, longest):
    return [
        [
            str(word)
            for word in random.choice(WORDS, random.integers(1, longest))
        ]
        for _ in range(count)
    ]


@pytest.fixture
def captions():
    """13 captions, some shorter than four words, and 3 references each."""
    random = np.random.default_rng(5)
    said = drawn(random, 13, 9)
    return said, [drawn(random, 3, 11) for _ in said]


def coco(said, truth):
    scores = score_captions(
        {row: " ".join(words) for row, words in enumerate(said)},
        {row: [" ".join(w) for w in of] for row, of in enumerate(truth)},
        ("Bleu",),
        tokenized=True,
    )
    return [scores.overall[f"Bleu_{n}"] for n in range(1, 5)]


def test_sums_give_corpus_bleu(captions):
    counts = bleu_counts(*captions)
    assert counts.shape == (13, 10)
    found = corpus_bleu(counts.sum(axis=0))
    np.testing.assert_allclose(found, coco(*captions), rtol=1e-9)
    assert 0.05 < found[0] < 0.95


def test_resampled_pictures(captions):
    said, truth = captions
    rows = [3, 3, 0, 12, 7]
    counts = bleu_counts(said, truth)[rows]
    wanted = coco([said[r] for r in rows], [truth[r] for r in rows])
    np.testing.assert_allclose(
        corpus_bleu(counts.sum(axis=0)), wanted, rtol=1e-9
    )
    both = np.stack([counts.sum(axis=0), bleu_counts(said, truth).sum(axis=0)])
    np.testing.assert_allclose(
        corpus_bleu(both), [wanted, coco(said, truth)], rtol=1e-9
    )


def test_empty_caption():
    counts = bleu_counts([[]], [[["a", "dog"]]])
    assert counts[0].tolist() == [0] * 8 + [0, 2]
    assert np.isfinite(corpus_bleu(counts[0])).all()
    assert corpus_bleu(counts[0]).max() < 1e-6

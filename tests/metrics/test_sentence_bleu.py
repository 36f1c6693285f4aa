"""BLEU-4 in the graph against pycocoevalcap's of single sentences."""

import numpy as np
from keras import ops
from pycocoevalcap.bleu.bleu import Bleu

from helpers import plain_cider_d as plain
from imcap.metrics.sentence_bleu import SentenceBleu


def published(samples, references, mask):
    """Per-sentence BLEU-4 (B, N) of pycocoevalcap."""
    ours, theirs = {}, {}
    for index in np.ndindex(samples.shape[:2]):
        ours[index] = [" ".join(map(str, plain.ended(samples[index])))]
        theirs[index] = [
            " ".join(map(str, plain.ended(row)))
            for row in references[index[0]][mask[index[0]]]
        ]
    _, scores = Bleu(4).compute_score(theirs, ours, verbose=0)
    return np.reshape(scores[3], samples.shape[:2])


def random_captions(rng, shape, words):
    ids = rng.integers(1, words, shape)
    ends = rng.integers(0, shape[-1] + 1, shape[:-1])
    return np.where(np.arange(shape[-1]) < ends[..., None], ids, 0)


def test_equals_pycocoevalcap():
    rng = np.random.default_rng(0)
    score = plain.compiled(SentenceBleu())
    for words in (2, 3, 3, 5, 12):
        samples = random_captions(rng, (13, 3, 9), words)
        references = random_captions(rng, (13, 5, 7), words)
        samples[:5, 0, :7] = references[:5, 0]
        samples[:5, 0, 7:] = 0
        mask = rng.random((13, 5)) < 0.7
        mask[:, 0] = True
        found = ops.convert_to_numpy(score(samples, references, mask))
        expected = published(samples, references, mask)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-12)
        assert expected.max() > 0.9


def test_the_shorter_of_two_equally_close():
    references = np.array([[[1, 2, 0, 0, 0, 0], [1, 2, 3, 4, 1, 0]]])
    samples = np.array([[[1, 2, 3, 0, 0, 0]]])
    # 4 words lie between 3 and 6; 3 are taken, so no penalty.
    mask = np.ones((1, 2), "bool")
    found = plain.computed(SentenceBleu(), samples, references)
    expected = published(samples, references, mask)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_no_references():
    samples = np.array([[[1, 2, 3, 0]], [[1, 2, 3, 0]]])
    references = np.array([[[0, 0, 0, 0]], [[1, 2, 3, 0]]])
    found = plain.computed(SentenceBleu(), samples, references)
    np.testing.assert_allclose(found, [[0], [1]], atol=1e-6)

"""Sufficient statistics of corpus BLEU, picture by picture."""

import numpy as np

from imcap.metrics.cider import LONGEST, count_ngrams

# What the COCO server's code adds to counts of zero.
TINY, SMALL = 1e-15, 1e-9


def bleu_counts(candidates, references):
    """N-gram counts of each picture's caption; `corpus_bleu` of their sums.

    Args:
        candidates: list of N captions, each a list of str.
        references: list of N lists of references, each a list of str.

    Returns:
        float64 (N, 10): n-grams that some reference holds as often, for
        n = 1 to 4; all n-grams, likewise; words; words of the reference of
        the nearest length, of two the shorter.

    Example:
        >>> counts = bleu_counts([["a", "dog"]], [[["a", "dog", "runs"]]])
        >>> corpus_bleu(counts.sum(axis=0))[0]
        0.606...
    """
    rows = [
        _counts(words, others)
        for words, others in zip(candidates, references, strict=True)
    ]
    return np.array(rows, "float64").reshape(-1, 2 * LONGEST + 2)


def _counts(words, others):
    theirs = [count_ngrams(other) for other in others]
    correct, guessed = [], []
    for n, own in enumerate(count_ngrams(words)):
        correct.append(
            sum(
                min(count, max(other[n][ngram] for other in theirs))
                for ngram, count in own.items()
            )
        )
        guessed.append(sum(own.values()))
    closest = min((abs(len(o) - len(words)), len(o)) for o in others)[1]
    return [*correct, *guessed, len(words), closest]


def corpus_bleu(sums):
    """BLEU-1 to BLEU-4 of summed counts.

    Args:
        sums: float array (…, 10).

    Returns:
        float64 (…, 4).

    Reference: Papineni, Roukos, Ward and Zhu (2002), with the additions to
    counts of zero of the COCO server's code.
    """
    sums = np.asarray(sums, "float64")
    correct, guessed = sums[..., :LONGEST], sums[..., LONGEST : 2 * LONGEST]
    logs = np.log((correct + TINY) / (guessed + SMALL))
    means = np.cumsum(logs, axis=-1) / np.arange(1, LONGEST + 1)
    ratio = (sums[..., -2:-1] + TINY) / (sums[..., -1:] + SMALL)
    return np.exp(means + np.minimum(0.0, 1.0 - 1.0 / ratio))

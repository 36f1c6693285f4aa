"""CIDEr on words already split, with the references prepared once.

Validation scores new captions against the same references after every
epoch; nearly all of CIDEr's work is in those references.
"""

import math
from collections import Counter

LONGEST = 4


SIGMA = 6.0


def count_ngrams(words):
    """Counts the n-grams of a caption, n from 1 to 4.

    Args:
        words: list of str.

    Returns:
        List of `LONGEST` Counters, from tuples of n words to counts.
    """
    return [
        Counter(zip(*(words[start:] for start in range(n)), strict=False))
        for n in range(1, LONGEST + 1)
    ]


class CiderScorer:
    """CIDEr of captions against one fixed set of references.

    For each n, captions become vectors of term frequency times
    `log(images / images whose references hold the n-gram)`; the score is
    10 times the mean over n and references of their clipped cosine, damped
    by `exp(-d^2 / 72)` for a difference d in length. As pycocoevalcap's
    Cider, to rounding: there "length" is the number of bigrams.

    Args:
        references: dict from id to list of references, each a list of str.

    Raises:
        ValueError: no references at all, or none for some id.

    Example:
        >>> score = CiderScorer({1: [["a", "dog"]], 2: [["a", "cat"]]})
        >>> mean, per_image = score({1: ["a", "dog"], 2: ["a", "bird"]})

    Reference: Vedantam, Zitnick and Parikh (2015), equations 1 to 4; the
    clipping and the damping are those of CIDEr-D in the COCO server's code.
    """

    def __init__(self, references):
        if not references:
            raise ValueError("there are no references to score against")
        for key, captions in references.items():
            if not captions:
                raise ValueError(f"image {key!r} has no references")
        counts = {
            key: [count_ngrams(words) for words in captions]
            for key, captions in references.items()
        }
        self.log_images = math.log(len(references))
        frequency = Counter(
            ngram
            for captions in counts.values()
            for ngram in {g for one in captions for c in one for g in c}
        )
        self.log_frequency = {g: math.log(n) for g, n in frequency.items()}
        self.vectors = {
            key: [self._vector(one) for one in captions]
            for key, captions in counts.items()
        }

    def __call__(self, candidates):
        """Scores one caption for each image of the references.

        Args:
            candidates: dict from id to list of str, the same ids as the
                references.

        Returns:
            (mean, scores): float, and dict from id to float.

        Raises:
            ValueError: an id is missing or unknown.
        """
        if candidates.keys() != self.vectors.keys():
            odd = next(iter(candidates.keys() ^ self.vectors.keys()))
            raise ValueError(
                f"image {odd!r} is among the captions or the references "
                "only; score the same images"
            )
        scores = {
            key: self._score(words, self.vectors[key])
            for key, words in candidates.items()
        }
        return sum(scores.values()) / len(scores), scores

    def _vector(self, counts):
        """Weights and norm for each n, and the length in bigrams."""
        weights = [
            {
                ngram: count
                * (self.log_images - self.log_frequency.get(ngram, 0.0))
                for ngram, count in counter.items()
            }
            for counter in counts
        ]
        norms = [
            math.sqrt(sum(weight * weight for weight in one.values()))
            for one in weights
        ]
        return weights, norms, sum(counts[1].values())

    def _score(self, words, references):
        vector = self._vector(count_ngrams(words))
        total = sum(_similarity(vector, other) for other in references)
        return 10.0 * total / (LONGEST * len(references))


def _similarity(candidate, reference):
    """The damped sum over n of the clipped cosines of two captions."""
    total = 0.0
    for ours, theirs, our_norm, their_norm in zip(
        candidate[0], reference[0], candidate[1], reference[1], strict=True
    ):
        shared = ours.keys() & theirs.keys()
        product = sum(min(ours[g], theirs[g]) * theirs[g] for g in shared)
        # A norm of zero leaves a product of zero.
        total += product / (our_norm * their_norm or 1.0)
    difference = candidate[2] - reference[2]
    return total * math.exp(-(difference**2) / (2 * SIGMA**2))


def cider(candidates, references):
    """CIDEr of captions already split into words.

    Args:
        candidates: dict from id to list of str.
        references: dict from id to list of lists of str.

    Returns:
        (mean, scores): float, and dict from id to float.

    Raises:
        ValueError: the ids differ, or an image has no references.
    """
    return CiderScorer(references)(candidates)

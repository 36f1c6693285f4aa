"""CIDEr-D in plain Python, and captions to try it on."""

import collections
import math

import numpy as np
from keras import ops

from helpers.backend import on_jax

VOCABULARY = 9


def ngrams(words):
    """All n-grams of 1 to 4 words of a caption, as tuples, with repeats."""
    return [
        tuple(words[start : start + n])
        for n in range(1, 5)
        for start in range(len(words) - n + 1)
    ]


def ended(row):
    """The words of a 0-padded row, its first 0 included."""
    row = [int(word) for word in row]
    return row[: row.index(0) + 1] if 0 in row else row


def frequencies(images):
    """Counter of n-grams over images, each a list of captions of words."""
    return collections.Counter(
        ngram
        for captions in images
        for ngram in {g for words in captions for g in ngrams([*words, 0])}
    )


def as_arrays(counts):
    """(ngrams, counts) as `CiderD` takes them."""
    rows = np.zeros((len(counts), 4), "uint16")
    for row, ngram in zip(rows, counts, strict=True):
        row[: len(ngram)] = np.array(ngram) + 1
    return rows, np.array(list(counts.values()), "int64")


def cider_d(counts, images, sample, references):
    """The score of one sample, straight from the definition."""

    def weight(ngram):
        return math.log(images) - math.log(max(1, counts.get(ngram, 0)))

    def vectors(words):
        found = [collections.Counter() for _ in range(4)]
        for ngram in ngrams(words):
            found[len(ngram) - 1][ngram] += 1
        return [{g: c * weight(g) for g, c in one.items()} for one in found]

    def norm(vector):
        return math.sqrt(sum(value * value for value in vector.values()))

    sample = ended(sample)
    total = 0.0
    for reference in map(ended, references):
        difference = max(len(sample) - 1, 0) - max(len(reference) - 1, 0)
        damping = math.exp(-(difference**2) / 72)
        for ours, theirs in zip(
            vectors(sample), vectors(reference), strict=True
        ):
            product = sum(
                min(value, theirs[g]) * theirs[g]
                for g, value in ours.items()
                if g in theirs
            )
            if product:
                product /= norm(ours) * norm(theirs)
            total += damping * product / 4
    return 10 * total / max(len(references), 1)


def compiled(function):
    """`function` as one graph; its shapes should not vary."""
    if on_jax():
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


def computed(function, *arrays):
    """`function(*arrays)` as NumPy; single operations are slow on JAX."""
    return ops.convert_to_numpy(compiled(function)(*arrays))


def rows(captions, length):
    """Lists of words as int32 (len, length), padded with 0."""
    dense = np.zeros((len(captions), length), "int32")
    for row, words in zip(dense, captions, strict=True):
        row[: len(words)] = words
    return dense

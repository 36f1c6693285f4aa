"""Words of pictures, kept where they are and dense by the slice."""

import numpy as np
import pytest

from imcap.data.words.picture_words import count_picture_words
from imcap.data.words.vocabulary import Vocabulary

CAPTIONS = [
    ["a", "dog"], ["zebra"], ["a", "cat", "a"], ["dog", "runs"], ["a", "dog"],
]  # fmt: skip
IMAGE_OF = np.array([0, 1, 3, 3, 0])


@pytest.fixture
def vocabulary():
    words = ["a", "dog", "cat", "runs"]
    return Vocabulary.build([words], threshold=0, dialect="scan")


def test_each_picture_has_its_words(vocabulary):
    said, share = count_picture_words(CAPTIONS, IMAGE_OF, 4, vocabulary)
    expected = np.zeros((4, vocabulary.size), "float32")
    a, dog, cat, runs = vocabulary.encode(["a", "dog", "cat", "runs"])
    expected[0, [a, dog]] = 1.0
    expected[3, [a, cat, dog, runs]] = 0.5  # each by one of two captions
    np.testing.assert_allclose(share[:], expected)
    np.testing.assert_array_equal(said[:], expected > 0)
    for rows in (slice(1, 4), slice(0, 2), slice(2, 2), slice(3, 512)):
        np.testing.assert_array_equal(said[rows], expected[rows] > 0)
    assert len(said) == 4 and not said[1:3].any()
    np.testing.assert_allclose(share.sum(axis=0), expected.sum(axis=0))
    with pytest.raises(ValueError, match="axis 0"):
        said.sum(axis=1)


def test_known_words_are_none(vocabulary):
    said, _ = count_picture_words([["zebra"]], np.array([0]), 1, vocabulary)
    assert said[:].shape == (1, vocabulary.size) and not said[:].any()
    assert not said.sum(axis=0).any()

"""Words of captions as NLTK's word_tokenize makes them."""

import pytest

from imcap.data.words.treebank import treebank_tokenize


@pytest.mark.parametrize(
    "caption,words",
    [
        ("A man's dog can't swim.", "a man 's dog ca n't swim ."),
        ('A "big" dog, (wet) -- at 8:30 a.m. here.',
         "a `` big '' dog , ( wet ) -- at 8:30 a.m. here ."),
        ("Mr. Smith and J. Doe went", "mr. smith and j. doe went"),
        ("Two sit. One runs", "two sit . one runs"),
        ("a t-shirt/hat #5 ; 50% * cannot",
         "a t-shirt/hat # 5 ; 50 % * can not"),
        ("it's $3,000.50, o'clock...", "it 's $ 3,000.50 , o'clock ..."),
        ("the boys' dogs, they're here!", "the boys ' dogs , they 're here !"),
        ("Ein Café in Zürich .", "ein café in zürich ."),
        ("", ""),
    ],
)  # fmt: skip
def test_words(caption, words):
    assert treebank_tokenize(caption) == words.split()


def test_words_are_shared():
    first, second = (
        treebank_tokenize("some dogs"),
        treebank_tokenize("Some dogs"),
    )
    assert all(a is b for a, b in zip(first, second, strict=True))

"""Our CIDEr with cached references against pycocoevalcap's."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.cider.cider import Cider

from imcap.metrics.cider import CiderScorer, cider, count_ngrams

SENTENCES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=9)
IMAGES = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcdefz"), max_size=9),
        st.lists(SENTENCES, min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=7,
)


def pycocoevalcap_cider(candidates, references):
    return Cider().compute_score(
        {k: [" ".join(w) for w in v] for k, v in references.items()},
        {k: [" ".join(w)] for k, w in candidates.items()},
    )


@settings(max_examples=60, deadline=None)
@given(IMAGES)
def test_equals_pycocoevalcap(images):
    candidates = {i: words for i, (words, _) in enumerate(images)}
    references = {i: captions for i, (_, captions) in enumerate(images)}
    mean, scores = cider(candidates, references)
    expected_mean, expected = pycocoevalcap_cider(candidates, references)
    assert mean == pytest.approx(expected_mean, abs=1e-9)
    np.testing.assert_allclose(list(scores.values()), expected, atol=1e-9)


def test_references_serve_again_and_again():
    references = {i: [[*"abc", letter]] for i, letter in enumerate("defg")}
    score = CiderScorer(references)
    first = score({i: captions[0] for i, captions in references.items()})
    assert first[0] == pytest.approx(10)
    assert score({key: ["z"] for key in references})[0] == 0
    again = score({i: captions[0] for i, captions in references.items()})
    assert again == first


def test_longer_captions_are_damped():
    references = {1: [[*"abcd"]], 2: [[*"xyz"]]}
    scores = cider({1: [*"abcdabcd"], 2: []}, references)[1]
    # Four more bigrams; every n-gram of the reference is there, once more.
    assert 0 < scores[1] < 10 * math.exp(-16 / 72)
    assert scores[2] == 0


def test_ngrams():
    ones, twos, threes, fours = count_ngrams(["a", "b", "a", "b"])
    assert ones == {("a",): 2, ("b",): 2}
    assert twos == {("a", "b"): 2, ("b", "a"): 1}
    assert len(threes) == 2
    assert fours == {("a", "b", "a", "b"): 1}


@pytest.mark.parametrize("candidates", [{}, {1: ["a"], 2: ["a"]}])
def test_ids_must_match(candidates):
    with pytest.raises(ValueError, match=r"image [12] is among"):
        cider(candidates, {1: [["a"]]})


@pytest.mark.parametrize(
    "references, said", [({}, "no references"), ({5: []}, "image 5 has no")]
)
def test_references_must_be_there(references, said):
    with pytest.raises(ValueError, match=said):
        CiderScorer(references)

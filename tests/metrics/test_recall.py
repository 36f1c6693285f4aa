"""Recall in both directions, against the model where there is doubt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imcap.metrics import recall
from imcap.metrics.recall import (
    average_metrics,
    recalls,
    retrieval_metrics,
    retrieval_ranks,
    top_k,
)


def plain_ranks(scores, image_of):
    """By sorting, as long as all scores differ."""
    images, texts = [], []
    for image, row in enumerate(scores):
        order = np.argsort(-row)
        places = [p for p, c in enumerate(order) if image_of[c] == image]
        images.append(min(places))
    for caption, column in enumerate(scores.T):
        order = np.argsort(-column).tolist()
        texts.append(order.index(image_of[caption]))
    return images, texts


@pytest.mark.parametrize("block_bytes", [1, 1 << 26])
def test_ranks_are_those_of_sorting(monkeypatch, block_bytes):
    monkeypatch.setattr(recall, "BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(0)
    image_of = np.concatenate([np.arange(11), rng.integers(0, 11, 20)])
    scores = rng.permutation(11 * 31).reshape(11, 31).astype("float32")
    found = retrieval_ranks(scores, image_of)
    for ours, plain in zip(found, plain_ranks(scores, image_of), strict=True):
        assert ours.tolist() == plain


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_order_does_not_matter(seed, levels):
    rng = np.random.default_rng(seed)
    image_of = np.concatenate([np.arange(5), rng.integers(0, 5, 6)])
    scores = rng.integers(0, levels, (5, 11)).astype("float32")
    i2t, t2i = retrieval_ranks(scores, image_of)
    rows, columns = rng.permutation(5), rng.permutation(11)
    place = np.argsort(rows)
    turned = retrieval_ranks(scores[rows][:, columns], place[image_of[columns]])
    assert turned[0].tolist() == i2t[rows].tolist()
    assert turned[1].tolist() == t2i[columns].tolist()


def test_ties_count_against_the_model():
    i2t, t2i = retrieval_ranks(np.zeros((3, 6)), [0, 0, 1, 1, 2, 2])
    # Own captions are no rivals of each other, all others are.
    assert i2t.tolist() == [4, 4, 4]
    assert t2i.tolist() == [2] * 6


def test_a_copy_of_an_image_costs_a_place():
    scores = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.1], [0.0, 0.1, 0.7]])
    i2t, t2i = retrieval_ranks(scores, [0, 1, 2])
    assert i2t.tolist() == [0, 1, 0]
    assert t2i.tolist() == [1, 1, 0]


def test_what_is_no_number_is_worst():
    scores = np.array([[np.nan, 0.2], [0.1, 0.3]])
    i2t, t2i = retrieval_ranks(scores, [0, 1])
    assert i2t.tolist() == [1, 0]
    assert t2i.tolist() == [1, 0]


def test_recalls():
    found = recalls([0, 0, 3, 7, 12, 20])
    assert found["R@1"] == pytest.approx(100 / 3)
    assert found["R@5"] == 50
    assert found["R@10"] == pytest.approx(200 / 3)
    # The median rank 5 from 0 is place 6.
    assert found["median"] == 6
    assert found["mean"] == 8


def test_retrieval_and_folds():
    perfect = retrieval_metrics(np.eye(4), np.arange(4))
    assert perfect["rsum"] == 600
    worst = retrieval_metrics(-np.eye(4), np.arange(4))
    assert worst["image_to_text"]["R@1"] == 0
    assert worst["image_to_text"]["R@5"] == 100
    both = average_metrics([perfect, worst])
    assert both["rsum"] == (600 + worst["rsum"]) / 2
    assert both["text_to_image"]["mean"] == (1 + 4) / 2


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="has no caption"):
        retrieval_ranks(np.zeros((2, 2)), [0, 0])
    with pytest.raises(ValueError, match="beyond"):
        retrieval_ranks(np.zeros((2, 2)), [0, 2])
    with pytest.raises(ValueError, match="owners"):
        retrieval_ranks(np.zeros((2, 3)), [0, 1])


def test_equal_scores_keep_their_order():
    scores = np.array([[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(top_k(scores, 3), [[1, 2, 3], [0, 1, 2]])
    np.testing.assert_array_equal(top_k(scores[0], 9), [1, 2, 3, 0])

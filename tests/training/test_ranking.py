"""The ranking loss against NumPy written from its equation."""

import keras
import numpy as np
import pytest

from imcap.training.ranking import ContrastiveLoss, LossPerScore, RankingHinge

B = 5
SCORES = np.random.default_rng(0).normal(size=(B, B)).astype("float32")
IMAGES = np.array([3, 8, 3, 1, 8], "int32")


def expected(hardest, same):
    total = 0.0
    for scores in (SCORES, SCORES.T):
        for i in range(B):
            losses = [
                max(0.0, 0.3 + scores[i, j] - scores[i, i])
                for j in range(B)
                if not same[i, j]
            ]
            total += max(losses) if hardest else sum(losses)
    return total


@pytest.mark.parametrize("hardest", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_loss_is_its_equation(hardest, masked):
    loss = RankingHinge(0.3, hardest, mask_same_image=masked)
    same = IMAGES[:, None] == IMAGES if masked else np.eye(B, dtype=bool)
    found = float(loss(IMAGES, SCORES))
    np.testing.assert_allclose(found, expected(hardest, same), rtol=1e-6)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(copy(IMAGES, SCORES)) == found


def test_images_are_not_needed_unless_they_are_masked():
    plain = float(RankingHinge()(None, SCORES))
    assert plain == float(RankingHinge()(IMAGES, SCORES))
    assert plain != float(RankingHinge(mask_same_image=True)(IMAGES, SCORES))


def test_contrastive_loss_is_its_equation():
    total = 0.0
    for scores in (SCORES, SCORES.T):
        for i in range(B):
            others = [j for j in range(B) if j == i or IMAGES[i] != IMAGES[j]]
            powers = np.exp(scores[i, others] / 0.5)
            total -= np.log(np.exp(scores[i, i] / 0.5) / powers.sum()) / B
    loss = ContrastiveLoss(temperature=0.5)
    found = float(loss(IMAGES, SCORES))
    np.testing.assert_allclose(found, total, rtol=1e-5)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(copy(IMAGES, SCORES)) == found


def test_each_kind_of_score_has_its_loss():
    losses = [RankingHinge(0.3), ContrastiveLoss(0.5)]
    both = np.stack([SCORES, SCORES[::-1]], axis=-1)
    loss = LossPerScore(losses)
    expected = losses[0](IMAGES, SCORES) + losses[1](IMAGES, SCORES[::-1])
    np.testing.assert_allclose(float(loss(IMAGES, both)), float(expected))
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(copy(IMAGES, both)) == float(loss(IMAGES, both))

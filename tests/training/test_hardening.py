"""The ranking loss that is switched from the sum to the worst."""

import keras
import numpy as np
import pytest

from imcap.training.ranking import HardeningHinge, RankingHinge


@pytest.mark.parametrize("masked", [False, True])
def test_both_losses_in_turn(masked):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(5, 5)).astype("float32")
    images = np.array([0, 1, 1, 2, 3])
    options = {"margin": 0.3, "mask_same_image": masked}
    loss = HardeningHinge(**options)
    for worst in (False, True, False):
        loss.hardest.assign(float(worst))
        plain = RankingHinge(max_violation=worst, **options)
        expected = float(plain(images, scores))
        assert float(loss(images, scores)) == pytest.approx(expected)


def test_config_round_trip():
    loss = HardeningHinge(margin=0.7)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert isinstance(again, HardeningHinge)
    assert again.margin == 0.7

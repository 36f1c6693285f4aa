"""What was looked at, whatever the captioner: shares, maps and channels."""

import numpy as np
import pytest

from imcap.drawing.maps import (
    can_be_drawn,
    carry_half,
    checked_picture,
    heat_map,
    lit,
    looked_at,
    strongest_channels,
)

WORDS = ["a", "dog", "runs"]
L, K, H, C = 3, 5, 2, 7


def drawn_weights(*shape):
    return np.random.default_rng(0).random(shape)


def test_the_end_is_left_out():
    weights = drawn_weights(L + 1, K)
    looked = looked_at(WORDS, {"weights": weights})
    np.testing.assert_array_equal(looked.heads[:, 0], weights[:L])
    assert looked.share is None and looked.channels is None


def test_heads_stay_apart():
    weights = drawn_weights(L, K, H)
    looked = looked_at(WORDS, {"weights": weights})
    assert looked.heads.shape == (L, H, K)
    np.testing.assert_array_equal(looked.heads[2, 1], weights[2, :, 1])


def test_share_of_the_picture():
    weights, part = drawn_weights(L, K), np.array([0.1, 0.5, 0.9])
    of_sentinel = looked_at(WORDS, {"weights": weights, "sentinel": part})
    np.testing.assert_allclose(of_sentinel.share, 1 - part)
    assert of_sentinel.names == ("visual", "sentinel")
    of_gate = looked_at(WORDS, {"weights": weights, "gate": part})
    np.testing.assert_allclose(of_gate.share, part)
    assert of_gate.names[0].startswith("gate")


def test_channels_alone():
    looked = looked_at(WORDS, {"channels": drawn_weights(L, C)})
    assert looked.heads is None and looked.channels.shape == (L, C)
    assert can_be_drawn({"channels": 1}) and can_be_drawn({"weights": 1})
    assert not can_be_drawn({"sentinel": 1})


def test_small_pictures_grow():
    small = np.arange(30 * 40 * 3, dtype="uint8").reshape(30, 40, 3)
    picture = checked_picture(small)
    assert picture.shape == (270, 360, 3)
    np.testing.assert_array_equal(picture[::9, ::9], small)
    large = np.zeros((256, 300, 3), "uint8")
    assert checked_picture(large).shape == large.shape


def test_light_falls_where_the_heat_is():
    heat = np.zeros((30, 40))
    heat[10:20, 10:20] = 1.0
    grey = np.full((30, 40, 3), 128, "uint8")
    shown = lit(grey, heat).astype("int64").sum(axis=2)
    assert shown[15, 15] > 2 * shown[0, 0] > 0


def test_maps_of_cells_and_boxes():
    heat = heat_map(np.array([0.0, 0.2, 0.1, 0.0]), (40, 60))
    assert heat.shape == (40, 60) and heat.max() == 1.0
    assert heat[:15, 45:].mean() > 0.8 > 0.6 > heat[25:, :15].mean()
    boxes = np.array([[0.0, 0.0, 0.5, 1.0], [0.25, 0.5, 1.0, 1.0]])
    heat = heat_map(np.array([0.1, 0.4]), (40, 60), boxes=boxes)
    assert heat[0, 0] == 0.25 and heat[0, 59] == 0.0
    assert heat[30, 20] == heat[30, 59] == 1.0  # the stronger of two


def test_strongest_channels():
    channels = np.array([[9, 1, 8, 2, 0], [1, 9, 0, 2, 7]], "float64")
    np.testing.assert_array_equal(strongest_channels(channels, 2), [0, 1])
    np.testing.assert_array_equal(strongest_channels(channels, 4), [0, 1, 2, 4])
    np.testing.assert_array_equal(
        strongest_channels(channels, 99), np.arange(5)
    )


@pytest.mark.parametrize(
    "weights, count",
    [([1, 0, 0, 0], 1), ([1, 1, 1, 1], 2), ([1] * 5, 3), ([3, 1, 2], 1)],
)
def test_carry_half(weights, count):
    assert carry_half(np.array(weights) / 7) == count

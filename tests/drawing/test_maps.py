"""What was parsed at, whatever the captioner: shares, maps and channels."""

import numpy as np
import pytest

from imcap.drawing.maps import (
    apply_heatmap,
    count_half_mass,
    enlarge_picture,
    is_drawable,
    make_heatmap,
    parse_attention,
    strongest_channels,
)

WORDS = ["a", "dog", "runs"]
L, K, H, C = 3, 5, 2, 7


def drawn_weights(*shape):
    return np.random.default_rng(0).random(shape)


def test_the_end_is_left_out():
    weights = drawn_weights(L + 1, K)
    parsed = parse_attention(WORDS, {"weights": weights})
    np.testing.assert_array_equal(parsed.weights[:, 0], weights[:L])
    assert parsed.share is None and parsed.channels is None


def test_heads_stay_apart():
    weights = drawn_weights(L, K, H)
    parsed = parse_attention(WORDS, {"weights": weights})
    assert parsed.weights.shape == (L, H, K)
    np.testing.assert_array_equal(parsed.weights[2, 1], weights[2, :, 1])


def test_share_of_the_picture():
    weights, part = drawn_weights(L, K), np.array([0.1, 0.5, 0.9])
    of_sentinel = parse_attention(WORDS, {"weights": weights, "sentinel": part})
    np.testing.assert_allclose(of_sentinel.share, 1 - part)
    assert of_sentinel.names == ("visual", "sentinel")
    of_gate = parse_attention(WORDS, {"weights": weights, "gate": part})
    np.testing.assert_allclose(of_gate.share, part)
    assert of_gate.names[0].startswith("gate")


def test_channels_alone():
    parsed = parse_attention(WORDS, {"channels": drawn_weights(L, C)})
    assert parsed.weights is None and parsed.channels.shape == (L, C)
    assert is_drawable({"channels": 1}) and is_drawable({"weights": 1})
    assert not is_drawable({"sentinel": 1})


def test_small_pictures_grow():
    small = np.arange(30 * 40 * 3, dtype="uint8").reshape(30, 40, 3)
    picture = enlarge_picture(small)
    assert picture.shape == (270, 360, 3)
    np.testing.assert_array_equal(picture[::9, ::9], small)
    large = np.zeros((256, 300, 3), "uint8")
    assert enlarge_picture(large).shape == large.shape


def test_light_falls_where_the_heat_is():
    heat = np.zeros((30, 40))
    heat[10:20, 10:20] = 1.0
    grey = np.full((30, 40, 3), 128, "uint8")
    shown = apply_heatmap(grey, heat).astype("int64").sum(axis=2)
    assert shown[15, 15] > 2 * shown[0, 0] > 0


def test_maps_of_cells_and_boxes():
    heat = make_heatmap(np.array([0.0, 0.2, 0.1, 0.0]), (40, 60))
    assert heat.shape == (40, 60) and heat.max() == 1.0
    assert heat[:15, 45:].mean() > 0.8 > 0.6 > heat[25:, :15].mean()
    boxes = np.array([[0.0, 0.0, 0.5, 1.0], [0.25, 0.5, 1.0, 1.0]])
    heat = make_heatmap(np.array([0.1, 0.4]), (40, 60), boxes=boxes)
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
    assert count_half_mass(np.array(weights) / 7) == count

"""The small picture network: shapes, places, saving."""

import keras
import numpy as np
import pytest

from helpers.backend import as_numpy, computed
from helpers.layer_checks import check_layer
from imcap.models.small_cnn import Coordinates, SmallCNN


def test_map_and_coordinates():
    model = SmallCNN(24, channels=7)
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3))
    maps = as_numpy(computed(lambda: model(images.astype("uint8"))))[0]
    assert maps.shape == (2, 3, 3, 7)
    ends = np.array([-1.0, 0.0, 1.0])
    for image in maps:
        np.testing.assert_allclose(image[:, :, 5], ends[:, None] + 0 * ends)
        np.testing.assert_allclose(image[:, :, 6], ends + 0 * ends[:, None])
    alone = as_numpy(computed(lambda: model(images[:1].astype("uint8"))))[0]
    np.testing.assert_allclose(alone[0], maps[0], atol=1e-5)


def test_coordinates_pass_the_layer_checks():
    maps = np.random.default_rng(0).normal(size=(2, 3, 5, 7))
    maps = maps.astype("float32")
    check_layer(Coordinates, [maps], [maps.shape], weights=0)


def test_round_trip(tmp_path):
    model = SmallCNN(16, channels=5)
    images = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3))
    model.save(tmp_path / "cnn.keras")
    again = keras.models.load_model(tmp_path / "cnn.keras")
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(
        as_numpy(again(images))[0], as_numpy(model(images))[0]
    )


def test_size_must_divide():
    with pytest.raises(ValueError, match="multiple of 8"):
        SmallCNN(60)

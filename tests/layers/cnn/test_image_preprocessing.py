"""Pictures made ready for a network."""

import keras
import numpy as np
import pytest

from imcap.layers.cnn.image_preprocessing import MODES, ImagePreprocessing


def test_known_values():
    red = np.array([[[[255.0, 0.0, 0.0]]]], "float32")
    expected = {
        "none": [255, 0, 0],
        "caffe": [-103.939, -116.779, 131.32],
        "tf": [1, -1, -1],
        "torch": [2.248908, -2.035714, -1.804444],
    }
    for mode, values in expected.items():
        ready = np.array(ImagePreprocessing(mode)(red))
        np.testing.assert_allclose(ready[0, 0, 0], values, rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_config_round_trip(mode):
    layer = ImagePreprocessing(mode)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.mode == mode
    symbolic = keras.Input((5, 7, 3))
    assert layer(symbolic).shape == (None, 5, 7, 3)


def test_unknown_mode():
    with pytest.raises(ValueError, match="none of"):
        ImagePreprocessing("rgb")

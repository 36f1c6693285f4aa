"""Finding the words of captions in pictures."""

import keras
import numpy as np

from imcap.training.word_detection import AnyCell, detect_words, words_of_images


def test_words_of_images():
    captions = [[np.array([1, 3]), np.array([3])], [np.array([0])]]
    bags = words_of_images(captions, 5)
    np.testing.assert_array_equal(bags, [[0, 1, 0, 1, 0], [1, 0, 0, 0, 0]])


def test_any_cell_is_a_soft_maximum():
    scores = np.full((1, 2, 3, 2), -20.0, "float32")
    scores[0, 1, 2, 0] = 5.0
    found = np.asarray(AnyCell()(scores))
    np.testing.assert_allclose(found, [[5.0, -20.0 + np.log(6.0)]], rtol=1e-5)


def test_words_are_found_and_the_encoder_learns():
    rng = np.random.default_rng(0)
    reddish = rng.integers(0, 2, 32).astype(bool)
    images = rng.integers(0, 60, (32, 8, 8, 3)).astype("uint8")
    images[reddish, 3:6, 2:5, 0] = 255
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Rescaling(1 / 255)(inputs)
    maps = keras.layers.Conv2D(4, 2, strides=2, activation="relu")(maps)
    encoder = keras.Model(inputs, maps)
    before = encoder.get_weights()
    bags = np.stack([reddish, ~reddish], axis=1).astype("float32")
    losses = detect_words(encoder, images, bags, 30, 8, learning_rate=0.02)
    assert len(losses) == 30
    assert losses[-1] < 0.5 * losses[0]
    assert not np.allclose(before[0], encoder.get_weights()[0])

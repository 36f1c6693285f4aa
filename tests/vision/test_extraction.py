"""The picture encoder: pixels in, features out, wherever it is asked."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from imcap.data.features.boxes import grid_positions
from imcap.data.pictures.decoding import load_pixels
from imcap.errors import InputError
from imcap.vision.extraction import PictureEncoder, load_backbone
from imcap.vision.networks import build_encoder, small_cnn_metadata

SIZE, CHANNELS = 24, 7


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return build_encoder(small_cnn_metadata(SIZE, CHANNELS))


def noise(count):
    rng = np.random.default_rng(count)
    return rng.uniform(0, 255, (count, SIZE, SIZE, 3)).astype("float32")


def run_of(network, **metadata):
    """What the encoder needs to know of a run."""
    known = small_cnn_metadata(SIZE, CHANNELS) | metadata
    return types.SimpleNamespace(
        encoder_metadata=known, build_encoder=lambda: network
    )


def test_features_are_the_cells_of_the_map(network):
    encoder = PictureEncoder(network, SIZE)
    pixels = noise(2)
    maps = np.asarray(network(pixels))  # (2, 3, 3, D)
    features, pooled = encoder(pixels)
    assert encoder.grid == (3, 3)
    assert features.dtype == pooled.dtype == np.float32
    np.testing.assert_allclose(features, maps.reshape(2, 9, -1), atol=1e-5)
    np.testing.assert_allclose(pooled, maps.mean(axis=(1, 2)), atol=1e-5)


def test_cells_are_averaged_and_the_mean_is_of_the_whole_map(network):
    encoder = PictureEncoder(network, SIZE, cells=1)
    pixels = noise(3)
    features, pooled = encoder(pixels)
    assert encoder.grid == (1, 1) and features.shape == (3, 1, CHANNELS)
    np.testing.assert_allclose(features[:, 0], pooled, atol=1e-5)
    _, whole = PictureEncoder(network, SIZE)(pixels)
    np.testing.assert_array_equal(pooled, whole)


def test_the_network_keeps_its_maps_when_trained_along(network):
    run = run_of(None, att_size=1, grid=[3, 3])
    encoder = PictureEncoder.from_run(run, network)
    assert encoder(noise(1))[0].shape == (1, 9, CHANNELS)
    run = run_of(network, att_size=1, grid=[1, 1])
    assert PictureEncoder.from_run(run)(noise(1))[0].shape[1] == 1


def test_the_same_in_a_graph_and_as_a_model(network):
    encoder = PictureEncoder(network, SIZE, cells=2)
    pixels = noise(2)
    features, _ = encoder(pixels)
    graph = tf.function(encoder.features)(tf.constant(pixels))
    np.testing.assert_allclose(graph, features, atol=1e-5)
    maps = np.asarray(encoder.as_model()(pixels))  # (2, 2, 2, D)
    np.testing.assert_allclose(maps.reshape(2, 4, -1), features, atol=1e-5)


def test_reading_and_positions(network, tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (9, 5), "red").save(path)
    encoder = PictureEncoder(network, SIZE)
    batch = encoder.read_batch([path, path.read_bytes()])
    np.testing.assert_array_equal(batch[0], load_pixels(path, SIZE, SIZE))
    np.testing.assert_array_equal(batch[0], batch[1])
    with pytest.raises(InputError, match="pixels"):
        encoder.read(path, max_pixels=44)
    np.testing.assert_array_equal(
        encoder.positions("boxes", 144), grid_positions("boxes", (3, 3), 144)
    )


def test_a_network_that_is_not_there():
    with pytest.raises(InputError, match="did you mean"):
        load_backbone("mobilnet", "random")

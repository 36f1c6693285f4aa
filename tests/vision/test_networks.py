"""Picture networks by metadata, and which of their layers learn."""

import dataclasses

import numpy as np
import pytest

from imcap.demo.scenes import write_demo_scenes
from imcap.demo.training import begin_run, train_settings
from imcap.models.backbones import Backbone, build_backbone
from imcap.vision.networks import build_encoder, small_cnn_metadata, train_from

METADATA = {
    "name": "MobileNet",
    "layer": "conv_pw_5_relu",
    "image_size": 32,
    "weights": "0" * 64,
}


def test_small_cnn_fits_its_metadata():
    metadata = small_cnn_metadata(24, 7)
    encoder = build_encoder(metadata)
    assert encoder.output_shape == (None, *metadata["grid"], 7)
    assert encoder.trainable_weights


def test_backbone_is_frozen_until_told():
    backbone = build_encoder(METADATA, filled_later=True)
    assert isinstance(backbone, Backbone)
    assert not backbone.trainable_weights
    train_from(backbone)
    layers = backbone.tapped.layers
    first = len(layers) * 3 // 4
    learning = [i for i, layer in enumerate(layers) if layer.trainable_weights]
    assert learning and min(learning) >= first
    train_from(backbone, "conv_pw_2")
    names = {layer.name for layer in layers if layer.trainable_weights}
    assert "conv_pw_2" in names and "conv_pw_1" not in names


def test_small_cnn_from_a_layer():
    encoder = build_encoder(small_cnn_metadata(16, 5))
    everything = len(encoder.trainable_weights)
    train_from(encoder)
    assert len(encoder.trainable_weights) == everything
    train_from(encoder, "last")
    paths = {weight.path.split("/")[0] for weight in encoder.trainable_weights}
    assert paths == {"last", "norm"}
    with pytest.raises(ValueError, match="no layer 'nowhere'"):
        train_from(encoder, "nowhere")


@pytest.mark.parametrize(
    "wanted, message",
    [("0" * 64, "copy their file"), (None, "random weights")],
)
def test_weights_that_are_not_at_hand(wanted, message):
    with pytest.raises(ValueError, match=message):
        build_encoder(METADATA | {"weights": wanted})


def test_other_weights(tmp_path):
    path = tmp_path / "other.weights.h5"
    network = build_backbone("MobileNet", None, METADATA["layer"], 32)
    import keras

    plain = keras.applications.MobileNet(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    plain.save_weights(path)
    assert network.weights_fingerprint is None
    with pytest.raises(ValueError, match="not the weights that made"):
        build_encoder(METADATA, path)


def test_the_cnn_has_a_learning_rate_of_its_own(tmp_path):
    from imcap.captioning.loop import TrainingLoop

    captions = write_demo_scenes(tmp_path, images=6, held_out=2, seed=0)
    settings = train_settings(captions, str(tmp_path / "run"), 1, seed=0)
    run, data, _ = begin_run(settings)
    run.config = dataclasses.replace(
        run.config, lrmult_conv=0.0, train_only=True
    )
    loop = TrainingLoop(run, data)
    encoder, captioner = loop.task.encoder, loop.task.captioner
    before = [model.get_weights() for model in (encoder, captioner)]
    loop.run_all()
    for old, new in zip(before[0], encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    changed = [
        not np.array_equal(old, new)
        for old, new in zip(before[1], captioner.get_weights(), strict=True)
    ]
    assert sum(changed) > 10


def test_small_network_that_made_features(tmp_path):
    """It reads pictures as it did when the features were made."""
    metadata = small_cnn_metadata(32, 11)
    network = build_encoder(metadata)
    path = tmp_path / "encoder.weights.h5"
    network.save_weights(path)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3))
    wanted = np.asarray(network(picture))
    found = np.asarray(build_encoder(metadata, path)(picture))
    np.testing.assert_array_equal(found, wanted)
    assert not np.array_equal(
        np.asarray(build_encoder(metadata)(picture)), wanted
    )


def test_pixels_are_what_the_features_had(tmp_path):
    """A run remembers --preprocessing and reads a .pth that it copied."""
    from helpers.torch_files import torch_arrays, write_torch
    from imcap.vision.extraction import PictureEncoder, describe, load_backbone

    name, layer = "efficientnet_lite0", "block1a_project_bn"
    plain = build_backbone(name, None, layer, 32)
    arrays = torch_arrays(build_backbone(name, image_size=32).tapped)
    path = write_torch(tmp_path / "lite0.pth", arrays)
    made = load_backbone(name, str(path), layer, 32, "torch")
    metadata = describe(PictureEncoder(made, 32))
    assert metadata["preprocessing"] == "torch"
    assert metadata["weights_path"] == str(path)
    kept = tmp_path / "encoder.weights.h5"
    kept.write_bytes(path.read_bytes())
    again = build_encoder(metadata, kept)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3))
    wanted = np.asarray(made(picture))
    np.testing.assert_allclose(again(picture), wanted, rtol=1e-6)
    assert np.abs(np.asarray(plain(picture)) - wanted).max() > 1e-3

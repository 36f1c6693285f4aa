"""KerasHub's presets as backbones; random weights, nothing is fetched."""

import keras
import numpy as np
import pytest

from imcap.models.backbones import Backbone, build_backbone

SIZE = 32


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """The name of a small network, saved with how it scales pictures."""
    hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    folder = tmp_path_factory.mktemp("preset")
    keras.utils.set_random_seed(0)
    hub.models.VGGBackbone([1, 2], [4, 6]).save_to_preset(str(folder))
    converter = hub.layers.ImageConverter(
        scale=[0.5, 0.25, 0.125], offset=[1.0, 0.0, -1.0]
    )
    converter.save_to_preset(str(folder))
    return f"kerashub:{folder}"


@pytest.fixture(scope="module")
def pictures():
    shape = (2, SIZE, SIZE, 3)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def expected(preset, pictures):
    """Maps of the preset's own network, on pictures that it scaled."""
    import keras_hub

    folder = preset.removeprefix("kerashub:")
    network = keras_hub.models.Backbone.from_preset(folder)
    scaled = pictures * np.array([0.5, 0.25, 0.125]) + [1.0, 0.0, -1.0]
    return keras.ops.convert_to_numpy(network(scaled.astype("float32")))


def test_same_as_keras_hub(preset, pictures):
    backbone = build_backbone(preset, "imagenet", image_size=SIZE)
    assert backbone.output_shape == (None, 8, 8, 6)
    maps = expected(preset, pictures)
    assert maps.std() > 1e-2
    np.testing.assert_allclose(backbone(pictures), maps, rtol=1e-4, atol=1e-4)


def test_preprocessing_can_be_told(preset, pictures):
    backbone = build_backbone(
        preset, "imagenet", image_size=SIZE, preprocessing="tf"
    )
    assert backbone.preprocessing == "tf"
    own = build_backbone(preset, "imagenet", image_size=SIZE)
    assert np.abs(own(pictures) - backbone(pictures)).max() > 1e-2


def test_saved_and_loaded(preset, pictures, tmp_path):
    backbone = build_backbone(preset, "imagenet", image_size=SIZE)
    backbone.save(tmp_path / "b.keras")
    loaded = keras.models.load_model(tmp_path / "b.keras")
    assert isinstance(loaded, Backbone)
    np.testing.assert_allclose(loaded(pictures), backbone(pictures), atol=1e-6)


def test_weights_of_a_file(preset, pictures, tmp_path):
    keras.utils.set_random_seed(1)  # not that of the preset
    source = build_backbone(preset, image_size=SIZE)
    path = tmp_path / "hub.weights.h5"
    import keras_hub

    network = keras_hub.models.Backbone.from_preset(
        preset.removeprefix("kerashub:")
    )
    network.save_weights(path)
    backbone = build_backbone(preset, path, image_size=SIZE)
    assert len(backbone.weights_fingerprint) == 64
    maps = expected(preset, pictures)
    np.testing.assert_allclose(backbone(pictures), maps, rtol=1e-4, atol=1e-4)
    assert np.abs(source(pictures) - maps).max() > 1e-2


def test_without_keras_hub(monkeypatch):
    monkeypatch.setattr(
        "imcap.models.picture_networks.importlib.util.find_spec",
        lambda name: None,
    )
    with pytest.raises(ValueError, match=r"pip install '\.\[kerashub\]'"):
        build_backbone("kerashub:mobilenet_v3_small_100_imagenet")


def test_an_unknown_preset(preset):
    with pytest.raises(ValueError, match="kerashub:nothing at 32") as error:
        build_backbone("kerashub:nothing", image_size=SIZE)
    assert "\n" not in str(error.value)

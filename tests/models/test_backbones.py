"""Backbones give what keras.applications gives, and say what is wrong."""

import json

import keras
import numpy as np
import pytest

from imcap.models.backbones import (
    Backbone,
    backbone_metadata,
    build_backbone,
    set_trainable_from,
)
from imcap.models.picture_networks import find_network, preprocessing_mode

SIZE = 32


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(3).uniform(0, 255, (2, SIZE, SIZE, 3))


@pytest.fixture(scope="module")
def reference():
    """A network as keras.applications builds it, with odd statistics."""
    network = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(SIZE, SIZE, 3)
    )
    generator = np.random.default_rng(7)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            mean = generator.normal(size=layer.moving_mean.shape) * 0.1
            layer.moving_mean.assign(mean)
    return network


@pytest.fixture(scope="module")
def weights(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    reference.save_weights(path)
    return path


@pytest.fixture(scope="module")
def backbone(weights):
    """Shared: no test may train it."""
    return build_backbone("mobilenetv2", weights, image_size=SIZE)


def assert_close(actual, expected, tolerance=1e-4):
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=tolerance)


def test_same_as_keras(backbone, reference, pictures):
    ready = keras.applications.mobilenet_v2.preprocess_input(pictures.copy())
    expected = reference.predict_on_batch(ready)
    features = backbone.predict_on_batch(pictures.astype("float32"))
    assert features.shape == (2, 1, 1, 1280)
    assert expected.std() > 1e-3
    assert_close(features, expected)


def test_bytes_are_taken_too(backbone, pictures):
    integers = pictures.astype("uint8")
    assert_close(backbone(integers), backbone(integers.astype("float32")))


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("VGG16", "vgg16"),
        ("ResNet50", "resnet"),
        ("ResNet50V2", "resnet_v2"),
        ("DenseNet121", "densenet"),
        ("MobileNet", "mobilenet"),
        ("NASNetMobile", "nasnet"),
        ("Xception", "xception"),
        ("InceptionV3", "inception_v3"),
        ("InceptionResNetV2", "inception_resnet_v2"),
        ("EfficientNetB0", "efficientnet"),
        ("EfficientNetV2B0", "efficientnet_v2"),
        ("MobileNetV3Small", "mobilenet_v3"),
        ("ConvNeXtTiny", "convnext"),
    ],
)
def test_preprocessing_is_that_of_keras(name, module, pictures):
    from imcap.layers.cnn.image_preprocessing import ImagePreprocessing

    pixels = pictures.astype("float32")
    layer = ImagePreprocessing(preprocessing_mode(name))
    expected = getattr(keras.applications, module).preprocess_input
    assert_close(layer(pixels), expected(pixels.copy()), 1e-5)


@pytest.mark.parametrize(
    ("name", "layer", "channels"),
    [("vgg16", "block5_conv3", 512), ("vgg-19", "block5_conv4", 512)],
)
def test_default_layer(name, layer, channels):
    backbone = build_backbone(name, image_size=SIZE)
    assert backbone.layer == layer
    assert backbone.output_shape == (None, 2, 2, channels)


def test_tap_by_name(weights, reference, pictures):
    backbone = build_backbone("MobileNetV2", weights, "block_6_expand", SIZE)
    tap = keras.Model(
        reference.input, reference.get_layer("block_6_expand").output
    )
    assert_close(backbone(pictures), tap(pictures / 127.5 - 1.0))


def test_training_changes_neither_output_nor_statistics(backbone, pictures):
    before = backbone(pictures)
    assert_close(backbone(pictures, training=True), before, 0)
    outer = keras.Sequential([backbone, keras.layers.Flatten()])
    assert_close(outer(pictures, training=True), outer(pictures), 0)


def test_frozen_by_default(backbone):
    assert backbone.trainable_weights == []


def test_fine_tuning_from_a_layer(weights, pictures):
    backbone = build_backbone(
        "mobilenetv2", weights, None, SIZE, "block_16_project"
    )
    names = {weight.path.split("/")[0] for weight in backbone.trainable_weights}
    assert names == {"block_16_project", "Conv_1"}
    statistics = [
        np.array(layer.moving_mean)
        for layer in backbone.tapped.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    first = np.array(backbone.tapped.get_layer("Conv1").kernel)
    last = np.array(backbone.tapped.get_layer("Conv_1").kernel)
    outer = keras.Sequential([backbone, keras.layers.Flatten()])
    outer.compile("sgd", "mse")
    outer.train_on_batch(pictures, np.ones((2, 1280)))
    after = [
        np.array(layer.moving_mean)
        for layer in backbone.tapped.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for old, new in zip(statistics, after, strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(
        first, np.array(backbone.tapped.get_layer("Conv1").kernel)
    )
    assert np.any(last != np.array(backbone.tapped.get_layer("Conv_1").kernel))
    set_trainable_from(backbone, None)
    assert backbone.trainable_weights == []


def test_saved_and_loaded(weights, pictures, tmp_path):
    backbone = build_backbone("mobilenetv2", weights, None, SIZE, "Conv_1")
    backbone.save(tmp_path / "b.keras")
    loaded = keras.models.load_model(tmp_path / "b.keras")
    assert isinstance(loaded, Backbone)
    assert loaded.get_config() == backbone.get_config()
    assert len(loaded.trainable_weights) == 1
    assert_close(loaded(pictures), backbone(pictures), 0)


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="building 240 layers takes a minute; nothing in it is JAX's",
)
def test_efficientnet_weights_keep_their_meaning(tmp_path, pictures):
    """Keras adds a layer to EfficientNet only for weights="imagenet"."""
    network = keras.applications.EfficientNetB0(
        weights=None, include_top=False, input_shape=(SIZE, SIZE, 3)
    )
    normalize = next(
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Normalization)
    )
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    normalize.adapt_mean.assign(mean)
    normalize.adapt_variance.assign(deviation)
    network.save_weights(tmp_path / "e.weights.h5")
    backbone = build_backbone(
        "efficientnetb0", tmp_path / "e.weights.h5", "stem_conv", SIZE
    )
    stem = keras.Model(
        network.get_layer("stem_conv_pad").input,
        network.get_layer("stem_conv").output,
    )
    ready = (pictures / 255.0 - mean) / deviation
    assert_close(backbone(pictures), stem(ready), 1e-4)


def test_preprocessing_can_be_told(weights, reference, pictures):
    backbone = build_backbone(
        "mobilenetv2", weights, image_size=SIZE, preprocessing="torch"
    )
    ready = keras.applications.densenet.preprocess_input(pictures.copy())
    assert_close(backbone(pictures), reference(ready))
    assert backbone_metadata(backbone)["preprocessing"] == "torch"
    with pytest.raises(ValueError, match="is none of none, caffe"):
        build_backbone("mobilenetv2", image_size=SIZE, preprocessing="tv")


def test_metadata(backbone):
    metadata = backbone_metadata(backbone)
    assert json.loads(json.dumps(metadata)) == metadata
    assert len(metadata.pop("weights")) == 64
    assert metadata == {
        "name": "MobileNetV2",
        "layer": "out_relu",
        "image_size": SIZE,
        "preprocessing": "tf",
        "grid": [1, 1],
        "channels": 1280,
    }


def test_names_are_found_and_suggested():
    assert find_network("resnet-101") == "ResNet101"
    with pytest.raises(ValueError, match=r"did you mean.*resnet101"):
        find_network("resnet110")
    with pytest.raises(ValueError, match=r"no layer .out_rely.*out_relu"):
        build_backbone("mobilenetv2", layer="out_rely", image_size=SIZE)
    with pytest.raises(ValueError, match="no layer 'Conv_2'"):
        build_backbone("mobilenetv2", image_size=SIZE, trainable_from="Conv_2")
    with pytest.raises(ValueError, match="MobileNetV2 at 8"):
        build_backbone("mobilenetv2", image_size=8)


def test_weights_that_cannot_be_used(weights, tmp_path):
    with pytest.raises(ValueError, match="no such weights file"):
        build_backbone("mobilenetv2", tmp_path / "a.weights.h5", None, SIZE)
    cut = tmp_path / "cut.weights.h5"
    cut.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cut\.weights\.h5.*cut short") as e:
        build_backbone("mobilenetv2", cut, None, SIZE)
    assert "\n" not in str(e.value)
    with pytest.raises(ValueError, match="not weights of VGG16"):
        build_backbone("vgg16", weights, None, SIZE)


def test_no_network(monkeypatch):
    def fetch(*args, **options):
        raise OSError("URL fetch failure\non example.org")

    monkeypatch.setattr(keras.applications, "VGG16", fetch)
    with pytest.raises(ValueError, match=r"cannot be fetched.*path") as error:
        build_backbone("vgg16", "imagenet")
    assert "\n" not in str(error.value)


def test_several_layers_side_by_side(weights, reference, pictures):
    names = ["block_16_depthwise_relu", "block_15_add"]
    both = build_backbone("mobilenetv2", weights, ",".join(names), SIZE)
    assert backbone_metadata(both)["channels"] == 960 + 160
    assert both.get_config()["layer"] == ",".join(names)
    ready = keras.applications.mobilenet_v2.preprocess_input(pictures.copy())
    outputs = [reference.get_layer(name).output for name in names]
    expected = keras.Model(reference.input, outputs).predict_on_batch(ready)
    found = both.predict_on_batch(pictures.astype("float32"))
    assert_close(found, np.concatenate(expected, axis=-1))
    with pytest.raises(ValueError, match=r"equal grids, not block_5_add \(4"):
        Backbone("mobilenetv2", "block_5_add,out_relu", SIZE, network=reference)

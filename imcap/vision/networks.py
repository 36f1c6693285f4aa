"""Picture networks, built from the metadata of a run or a feature file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

SMALL = "SmallCNN"  # ours; every other one is a `Backbone`


def small_cnn_metadata(
    image_size: int = 64, channels: int = 64
) -> dict[str, Any]:
    """Metadata of a `SmallCNN`, which `build_encoder` reads."""
    cells = image_size // 8
    return {
        "name": SMALL,
        "image_size": image_size,
        "channels": channels,
        "grid": [cells, cells],
        "weights": None,
    }


def build_encoder(
    metadata: dict[str, Any],
    weights: str | Path | None = None,
    filled_later: bool = False,
) -> keras.Model:
    """Builds the network that made some features, all of it frozen.

    A `SmallCNN` is trained from nothing, so it stays trainable; one that
    made features comes with its weights.

    Args:
        metadata: dict with name, image_size, channels and, of networks in
            other networks, layer, preprocessing and weights: "imagenet",
            the SHA-256 of a weights file, or None where they were random.
        weights: path of the weights file, or None.
        filled_later: bool, a checkpoint will be read over the weights, so
            none are needed now.

    Returns:
        Model of images (B, H, W, 3), 0..255, to maps (B, h, w, D).

    Raises:
        ValueError: one line on weights that are not there or are not those
            that made the features, or on an unknown network or layer.
    """
    if metadata["name"] == SMALL:
        from imcap.models.small_cnn import SmallCNN

        network = SmallCNN(metadata["image_size"], metadata["channels"])
        if weights is not None:
            network.load_weights(weights)
        return network
    from imcap.models.backbones import build_backbone

    wanted = metadata.get("weights")
    source = weights
    if filled_later:
        source = None
    elif weights is None and wanted == "imagenet":
        source = "imagenet"
    elif weights is None:
        raise ValueError(_missing(metadata))
    backbone = build_backbone(
        metadata["name"],
        source,
        metadata["layer"],
        metadata["image_size"],
        preprocessing=metadata.get("preprocessing"),
    )
    fingerprint = backbone.weights_fingerprint
    is_file = source is not None and source != "imagenet"
    if is_file and wanted != fingerprint:
        raise ValueError(
            f"{Path(str(source))}: not the weights that made the features "
            f"(SHA-256 {str(fingerprint)[:12]}…, theirs is "
            f"{str(wanted)[:12]}…); put the right file there"
        )
    return backbone


def _missing(metadata):
    name, wanted = metadata["name"], metadata.get("weights")
    if wanted is None:
        return (
            f"the features were made by a {name} of random weights that "
            "nobody kept; extract features with --weights imagenet or a file"
        )
    return (
        f"the weights of {name} that made the features (SHA-256 "
        f"{wanted[:12]}…) are not at hand; copy their file to "
        "encoder.weights.h5 in the run's directory"
    )


def train_from(encoder: keras.Model, layer: str | None = None) -> None:
    """Makes the layers of an encoder trainable, from one on.

    Args:
        encoder: what `build_encoder` gave.
        layer: name of the first layer to train; None for the last quarter
            of a network of keras.applications, and all of a `SmallCNN`.

    Raises:
        ValueError: there is no such layer.
    """
    from imcap.models.backbones import Backbone, set_trainable_from

    if isinstance(encoder, Backbone):
        layers = encoder.tapped.layers
        set_trainable_from(encoder, layer or layers[len(layers) * 3 // 4].name)
        return
    if layer is None:
        return
    names = [one.name for one in encoder.layers]
    if layer not in names:
        raise ValueError(
            f"{SMALL} has no layer {layer!r}; it has {', '.join(names)}"
        )
    for one in encoder.layers[: names.index(layer)]:
        one.trainable = False

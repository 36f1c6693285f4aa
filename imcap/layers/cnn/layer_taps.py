"""Layer taps: feature maps inside a network, by the names of layers."""

import difflib

import keras


def find_layer(network, name):
    """The layer of that name; "last" is the last.

    Raises:
        ValueError: no such layer; the message names the closest ones.
    """
    if name == "last":
        return network.layers[-1]
    names = [layer.name for layer in network.layers]
    if name in names:
        return network.get_layer(name)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    raise ValueError(
        f"{network.name} has no layer {name!r}; did you mean "
        f"{', '.join(close or names[-3:])}?"
    )


def tap_layers(network, names):
    """The output of one layer, or the channels of several side by side.

    Args:
        network: a Functional `keras.Model`.
        names: str, a layer's name, or several with commas between.

    Returns:
        Symbolic map (B, h, w, C).

    Raises:
        ValueError: no such layer, or maps of different grids.
    """
    names = [name.strip() for name in names.split(",")]
    maps = [find_layer(network, name).output for name in names]
    if len({each.shape[1:3] for each in maps}) > 1:
        grids = ", ".join(
            f"{name} {tuple(each.shape[1:3])}"
            for name, each in zip(names, maps, strict=True)
        )
        raise ValueError(
            f"layers to be put side by side need equal grids, not {grids}"
        )
    if len(maps) == 1:
        return maps[0]
    return keras.layers.Concatenate(name="side_by_side")(maps)

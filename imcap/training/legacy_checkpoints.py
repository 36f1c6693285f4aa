"""Legacy checkpoints, of version 0.1.0, whose variables had places, not paths.

Its state.npz numbered variables in the order in which Keras listed them,
"00000" and on; its best.weights.h5 named layers by attribute, class and
count. `legacy_orders` writes down, a kind of model, in what order the paths
of today stood in either: of the paths that a model has, the first in that
order is the first array of the file, and so on. When a path changes, its line
in that table changes with it; the order of lines never does.
"""

import re

from imcap.training.legacy_orders import STATE_ORDERS, WEIGHTS_ORDERS
from imcap.training.variable_paths import (
    optimizer_paths,
    state_paths,
    weight_paths,
)

# Slots in the order in which Keras 3 made them, those of one weight together;
# before them came all averages, then all sums of gradients.
SLOTS = {
    "Adam": ("momentums", "velocities"),
    "AdamW": ("momentums", "velocities"),
    "SGD": ("momentums",),
    "RMSprop": ("velocities",),
    "Adagrad": ("accumulators",),
    "Adadelta": ("accumulated_grads", "accumulated_delta_vars"),
}


def is_legacy_state(arrays):
    """Whether the arrays of a state.npz are numbered."""
    return "00000" in arrays


def is_legacy_weights(arrays):
    """Whether the datasets of a best.weights.h5 have Keras' names."""
    return any(re.search(r"(^|/)vars/\d+$", name) for name in arrays)


def name_state(source, arrays, model):
    """The arrays of a state.npz of version 0.1.0, by path.

    Args:
        source: path of the file, for messages.
        arrays: dict of number to NumPy array.
        model: the model that they are for, compiled or not.

    Raises:
        ValueError: another number of arrays than the model has.
    """
    paths = _ordered(
        model,
        [p for p in state_paths(model) if not p.startswith("optimizer/")],
        STATE_ORDERS,
    )
    slots = _optimizer_order(model, paths)
    values = [arrays[number] for number in sorted(arrays)]
    if not slots:
        values = values[: len(paths)]
    return _pair(source, paths + slots, values)


def name_weights(source, arrays, model):
    """The datasets of a best.weights.h5 of version 0.1.0, by path.

    Args:
        source: path of the file, for messages.
        arrays: dict of Keras' name to NumPy array.
        model: the model that they are for.

    Raises:
        ValueError: another number of weights than the model has.
    """
    names = [n for n in arrays if not n.startswith("optimizer/")]
    paths = _ordered(model, list(weight_paths(model)), WEIGHTS_ORDERS)
    values = [arrays[name] for name in sorted(names, key=_natural)]
    return _pair(source, paths, values)


def _pair(source, paths, values):
    if len(paths) != len(values):
        raise ValueError(
            f"{source}: its {len(values)} arrays do not fit the "
            f"{len(paths)} of this model; was the model changed?"
        )
    return dict(zip(paths, values, strict=True))


def _ordered(model, paths, orders):
    """Paths of weights or seeds in the order of version 0.1.0."""
    kind = _kind(model, orders)
    places, start, block = {}, 0, None
    for number, line in enumerate(_lines(orders.get(kind, ""))):
        # Lines of numbered blocks stand together; their numbers go first.
        before = line.partition("{n}")[0].rpartition("/")[0]
        if "{n}" not in line or block != before:
            start = number
        block = before if "{n}" in line else None
        places[line] = (start, number)

    def place(path):
        if path.startswith("encoder/"):
            return places["encoder"][0], within.get(path, 0)
        for match in (None, *re.finditer(r"(?<=_)\d+(?=[_/])", path)):
            line = path
            if match:
                line = f"{path[: match.start()]}{{n}}{path[match.end() :]}"
            if line in places:
                start, number = places[line]
                return start, int(match.group()) if match else 0, number
        raise ValueError(
            f"{path}: version 0.1.0 had no such variable in its {kind}"
        )

    within = {}
    if getattr(model, "encoder", None) is not None:
        within = _encoder_order(model, by_name=orders is WEIGHTS_ORDERS)
    return sorted(paths, key=place)


def _kind(model, orders):
    """The key of a model's table of orders."""
    captioner = getattr(model, "captioner", model)
    kind = type(captioner).__name__
    # SCA-CNN listed the dense layers that it called first before others.
    order = getattr(captioner, "attention_order", " ")
    return f"{kind} S" if f"{kind} {order[0]}" in orders else kind


def _lines(text):
    """'captioner/output kernel bias' is two paths; all lines' paths."""
    paths = []
    for line in text.split("\n"):
        if not line:
            continue
        folder, *names = line.split()
        paths += [f"{folder}/{name}" for name in names] or [folder]
    return paths


def _encoder_order(model, by_name):
    """Places of the picture network's variables: Keras', not ours.

    Args:
        model: a `CaptioningTask`.
        by_name: bool, in the order of Keras' names in HDF5 files; otherwise
            that in which it lists variables.
    """
    paths = {
        id(variable): path
        for path, variable in state_paths(model).items()
        if path.startswith("encoder/")
    }
    listed = [paths[id(variable)] for variable in model.encoder.variables]
    if by_name:
        names, counts = {}, {}
        # A `Backbone` holds its network; a `SmallCNN` is one.
        network = getattr(model.encoder, "tapped", model.encoder)
        for layer in network.layers:
            kind = _snake_case(type(layer).__name__)
            number = counts[kind] = counts.get(kind, -1) + 1
            for place, variable in enumerate(layer.weights):
                count = f"_{number}" if number else ""
                name = f"{kind}{count}/vars/{place}"
                names[paths[id(variable)]] = _natural(name)
        listed = sorted(names, key=names.get)
    return {path: number for number, path in enumerate(listed)}


def _optimizer_order(model, paths):
    """Paths of optimizer slots in the order of version 0.1.0."""
    slots = optimizer_paths(model)
    if not slots:
        return []
    optimizer, prefix, order = model.optimizer, "optimizer/", []
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        names = ("iterations", "learning_rate", "step_counter", "dynamic_scale")
        order += [prefix + name for name in names]
        optimizer, prefix = inner, f"{prefix}inner_optimizer/"
    trained = {id(variable) for variable in model.trainable_variables}
    variables = state_paths(model)
    paths = [path for path in paths if id(variables[path]) in trained]
    order += [prefix + "iterations", prefix + "learning_rate"]
    for slot in ("model_variables_moving_average", "accumulated_gradients"):
        order += [f"{prefix}{slot}/{path}" for path in paths]
    own = SLOTS[type(optimizer).__name__]
    order += [f"{prefix}{slot}/{path}" for path in paths for slot in own]
    unknown = set(slots) - set(order)
    if unknown:
        raise ValueError(
            f"{min(unknown)}: version 0.1.0 had no such optimizer slot"
        )
    return [path for path in order if path in slots]


def _natural(name):
    """A sort key by which "dense_2" comes before "dense_10"."""
    return [
        int(part) if part.isdigit() else part
        for part in re.split(r"(\d+)", name)
    ]


def _snake_case(name):
    """A class's name as Keras writes it into HDF5 files."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()

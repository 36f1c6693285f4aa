"""Variable paths: what each weight, seed and optimizer slot is called.

A path is where a variable stands in its model, as in PyTorch's state_dict:
"captioner/decoder/cell/kernel". It does not depend on what else the process
has built before, nor on the order in which layers were made.
"""

import re

import keras


def weight_paths(model):
    """Weights of a model by path, without seeds and metrics.

    Returns:
        Dict of path to `keras.Variable`.
    """
    return _walk(model, seeds=False)


def state_paths(model):
    """All that training changes by path: weights, seeds, optimizer slots.

    Args:
        model: a built model; a compiled one has optimizer slots too, as
            "optimizer/velocities/captioner/decoder/cell/kernel".

    Returns:
        Dict of path to `keras.Variable`.
    """
    return _walk(model, seeds=True) | optimizer_paths(model)


def optimizer_paths(model):
    """Variables of a model's optimizer by path; {} where there is none."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return {}
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    known = {id(v): path for path, v in weight_paths(model).items()}
    paths, prefix = {}, "optimizer/"
    while optimizer is not None:
        slots = _slots(optimizer, known)
        paths |= {prefix + path: variable for path, variable in slots.items()}
        optimizer = getattr(optimizer, "inner_optimizer", None)
        prefix += "inner_optimizer/"
    absent = len(model.optimizer.variables) - len(paths)
    if absent:
        raise ValueError(
            f"{absent} variables of {type(model.optimizer).__name__} are no "
            "attributes of it, so they cannot be named"
        )
    return paths


def _slots(optimizer, known):
    """An optimizer's own scalars, and lists that go with the weights."""
    found = {}
    weights = optimizer._trainable_variables
    own = {id(variable) for variable in optimizer.variables}
    for name, value in vars(optimizer).items():
        if isinstance(value, keras.Variable) and id(value) in own:
            found[name.strip("_")] = value
        elif name.startswith(("_trainable", "_variables")):
            continue
        elif isinstance(value, list) and len(value) == len(weights):
            for weight, slot in zip(weights, value, strict=True):
                if isinstance(slot, keras.Variable) and id(slot) in own:
                    path = known[id(weight)]
                    found[f"{name.strip('_')}/{path}"] = slot
    return found


def _walk(model, seeds):
    """Breadth first, so that a shared layer has its shortest path.

    Layers that a Functional model calls, but that another layer holds, are
    that layer's: what a model does not hold itself comes last.
    """
    known = {id(v) for metric in model.metrics for v in metric.variables}
    found, visited, level, later = {}, set(), [("", model)], []
    while level or later:
        if not level:
            level, later = later, []
        children = []
        for path, layer in sorted(level, key=lambda pair: pair[0]):
            if id(layer) in visited:
                continue
            visited.add(id(layer))
            for name, variable in _own_variables(layer, seeds):
                if id(variable) in known:
                    continue
                known.add(id(variable))
                if path + name in found:
                    raise ValueError(
                        f"two variables are called {path + name}; give "
                        f"the layers of {type(layer).__name__} names"
                    )
                found[path + name] = variable
            for name, child in _named_children(layer):
                held = not isinstance(layer, keras.Model) or _holds(
                    layer, child
                )
                (children if held else later).append((f"{path}{name}/", child))
        level = children
    return found


def _own_variables(layer, seeds):
    """(name, variable) of what is a layer's, not its sublayers'."""
    variables = layer._trainable_variables + layer._non_trainable_variables
    for variable in variables:
        name = variable.name
        if re.fullmatch(r"variable(_\d+)?", name):
            name = _attribute(layer, variable) or name
        yield name, variable
    if not seeds:
        return
    for number, generator in enumerate(layer._seed_generators):
        name = _attribute(layer, generator) or f"seed_generator_{number}"
        yield name, generator.state


def _named_children(layer):
    """(name, sublayer) of a layer's own sublayers.

    A layer's name where it was given one; otherwise, and for models, the
    attribute that holds it; otherwise its class and a number that counts
    such siblings: Keras' own numbers go on from model to model.
    """
    counts = {}
    for child in layer._layers:
        name = child.name
        plain = re.sub(r"_\d+$", "", name)
        # "layer_normalization_3" of a LayerNormalization: Keras' own name.
        made_up = plain.replace("_", "") == type(child).__name__.lower()
        if made_up or isinstance(child, keras.Model):
            name = _attribute(layer, child)
            if name is None:
                counts[plain] = counts.get(plain, -1) + 1
                name = f"{plain}_{counts[plain]}"
        yield name, child


def _attribute(owner, value):
    """The first name by which an object holds a value, or None."""
    names = (name for name, held in vars(owner).items() if held is value)
    return next((name.strip("_") for name in names), None)


def _holds(owner, value):
    """Whether a public attribute is the value, or a list with it."""
    return any(
        held is value
        or (
            isinstance(held, (list, tuple))
            and any(one is value for one in held)
        )
        for name, held in vars(owner).items()
        if not name.startswith("_")
    )

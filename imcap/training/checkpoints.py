"""Checkpoints: a training's whole state, or its weights alone, by path.

`state.npz` holds weights, seeds and optimizer slots under the paths of
`variable_paths`, and beside them "position", JSON. `best.weights.h5` holds
one dataset a weight. A file that lacks a path, has one too many or another
shape is refused by name; files of version 0.1.0, which knew variables by
their place in a list, are read by `legacy_checkpoints`.
"""

import json

import h5py
import keras
import numpy as np

from imcap.files import atomic_write
from imcap.training import legacy_checkpoints
from imcap.training.variable_paths import state_paths, weight_paths

POSITION = "position"
OPTIMIZER = "optimizer/"


def save_state(path, model, position):
    """Writes variables and position to one .npz, whole or not at all.

    Args:
        path: the file.
        model: a compiled model.
        position: dict of JSON values: the step and what callbacks remember.
    """
    arrays = _to_arrays(state_paths(model))
    arrays[POSITION] = np.array(json.dumps(position))
    with atomic_write(path) as partial, open(partial, "wb") as file:
        np.savez(file, **arrays)


def load_state(path, model, weights_only=False):
    """Restores what `save_state` wrote.

    Args:
        path: the file.
        model: a model compiled and built the same way.
        weights_only: bool, leave out what belongs to the optimizer; the
            model then need not be compiled.

    Returns:
        The position.

    Raises:
        ValueError: cut short, or of a model with other variables.
    """
    try:
        # Opened here: of a file cut short, NumPy leaves its own open.
        with open(path, "rb") as file, np.load(file) as stored:
            arrays = {key: stored[key] for key in stored.files}
            position = json.loads(str(arrays.pop(POSITION)))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path}: cannot be read, perhaps cut short ({error})"
        ) from None
    if legacy_checkpoints.is_legacy_state(arrays):
        arrays = legacy_checkpoints.name_state(path, arrays, model)
    variables = state_paths(model)
    if weights_only:
        variables = _without_optimizer(variables)
        arrays = _without_optimizer(arrays)
    assign(path, variables, arrays)
    return position


def save_weights(path, model):
    """Writes the model's weights alone, whole or not at all."""
    arrays = _to_arrays(weight_paths(model))
    with atomic_write(path) as partial, h5py.File(partial, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def load_weights(path, model):
    """Restores what `save_weights` wrote.

    Raises:
        ValueError: cut short, or of a model with other weights.
    """
    arrays = {}

    def collect(name, entry):
        if isinstance(entry, h5py.Dataset):
            arrays[name] = entry[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(collect)
    except FileNotFoundError:
        raise
    except Exception as error:
        line = " ".join(str(error).split())
        raise ValueError(
            f"{path}: weights cannot be read, perhaps cut short ({line[:200]})"
        ) from None
    if legacy_checkpoints.is_legacy_weights(arrays):
        arrays = legacy_checkpoints.name_weights(path, arrays, model)
    assign(path, weight_paths(model), arrays)


def copy_weights(source, target):
    """Copies one model's weights to another, by path.

    Raises:
        ValueError: they do not have the same weights.
    """
    assign(
        "the weights to start from",
        weight_paths(target),
        _to_arrays(weight_paths(source)),
    )


def assign(source, variables, arrays):
    """Gives variables their arrays, once all of them fit.

    Args:
        source: path of the file, or what else the arrays are, for messages.
        variables: dict of path to `keras.Variable`.
        arrays: dict of path to NumPy array.

    Raises:
        ValueError: the first path that is missing, left over or of another
            shape.
    """
    for path in variables:
        if path not in arrays:
            raise ValueError(
                f"{source}: {path} is missing; was the model changed?"
            )
    for path in arrays:
        if path not in variables:
            raise ValueError(
                f"{source}: {path} is no part of this model; was the model "
                "changed?"
            )
    for path, variable in variables.items():
        shape, wanted = arrays[path].shape, tuple(variable.shape)
        if shape != wanted:
            raise ValueError(
                f"{source}: {path} has shape {shape}, but {wanted} in this "
                "model; was the model changed?"
            )
    for path, variable in variables.items():
        variable.assign(arrays[path])


def _to_arrays(variables):
    return {
        path: np.asarray(keras.ops.convert_to_numpy(variable))
        for path, variable in variables.items()
    }


def _without_optimizer(values):
    return {k: v for k, v in values.items() if not k.startswith(OPTIMIZER)}

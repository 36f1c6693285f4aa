"""Everything a training run needs to go on exactly where it stopped."""

import json
import os
from pathlib import Path

import keras
import numpy as np


def state_variables(model):
    """All variables that change in training, in a fixed order.

    Weights, the state of random generators and the optimizer's memory: a
    run restored from them goes on bit for bit.
    """
    measured = {id(v) for metric in model.metrics for v in metric.variables}
    variables = [v for v in model.variables if id(v) not in measured]
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    return variables + (list(optimizer.variables) if optimizer else [])


def save_state(path, model, position):
    """Writes variables and position to one .npz, whole or not at all.

    Args:
        path: the file.
        model: a compiled model.
        position: dict of JSON values: the step and what callbacks remember.
    """
    path = Path(path)
    variables = state_variables(model)
    arrays = {
        f"{number:05d}": np.asarray(keras.ops.convert_to_numpy(variable))
        for number, variable in enumerate(variables)
    }
    arrays["position"] = np.array(json.dumps(position))
    beside = path.with_name(f".{path.name}.partial")
    try:
        with open(beside, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


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
        ValueError: cut short, or of a model of another shape.
    """
    variables = state_variables(model)
    try:
        with np.load(path, allow_pickle=False) as file:
            position = json.loads(str(file["position"]))
            arrays = [file[key] for key in sorted(file.files)[:-1]]
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path}: cannot be read, perhaps cut short ({error})"
        ) from None
    if weights_only:
        arrays = arrays[: len(variables)]
    if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
        raise ValueError(
            f"{path}: its {len(arrays)} arrays do not fit the "
            f"{len(variables)} of this model; was the model changed?"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return position


def save_weights(path, model):
    """Writes the model's weights alone, whole or not at all."""
    path = Path(path)
    beside = path.with_name(f"partial-{path.name}")
    try:
        model.save_weights(beside, overwrite=True)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load_weights(path, model):
    """Reads the model's weights; what does not fit is a ValueError."""
    try:
        model.load_weights(path)
    except FileNotFoundError:
        raise
    except Exception as error:
        line = " ".join(str(error).split())
        raise ValueError(
            f"{path}: weights cannot be loaded, cut short or of another "
            f"model ({line[:200]})"
        ) from None

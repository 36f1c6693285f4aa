"""A SavedModel on disk: whole or absent, and what it says of itself."""

import contextlib
import os
import shutil
from pathlib import Path

import tensorflow as tf

from imcap.errors import InputError
from imcap.files import write_json

EXTRA = "assets.extra"  # where TensorFlow leaves other people's files alone


def write_saved_model(path, signatures, about, run, force=False, tables=()):
    """Writes functions with the variables they use.

    Args:
        path: the folder.
        signatures: dict of name to concrete function.
        about: dict of JSON values, written to assets.extra/imcap.json.
        run: `Run`, whose vocabulary.json is put beside that.
        force: bool, replace a SavedModel that is there.
        tables: lookup tables that the functions use.
    """
    module = tf.Module(name="imcap")
    functions = signatures.values()
    found = [v for one in functions for v in one.graph.variables]
    # Once each, by identity: variables of one value are not one.
    module.kept = list({id(variable): variable for variable in found}.values())
    module.tables = list(tables)
    with folder_written_whole(path, force) as beside:
        tf.saved_model.save(module, str(beside), signatures=signatures)
        write_json(beside / EXTRA / "imcap.json", about, indent=1)
        run.vocabulary.save(beside / EXTRA / "vocabulary.json")


@contextlib.contextmanager
def folder_written_whole(path, force=False):
    """Yields a folder beside `path` that takes its name on success.

    Args:
        path: the final folder.
        force: bool, whether a SavedModel of that name is replaced.

    Raises:
        InputError: the name is taken by something else.
    """
    path = Path(path)
    if not path.name:
        raise InputError(f"{path}: give the name of what to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    taken = path.is_dir() and any(path.iterdir())
    if taken and not (force and (path / "saved_model.pb").exists()):
        raise InputError(
            f"{path}: a folder with other things in it; give another name"
        )
    try:
        yield beside
        if path.is_dir():
            os.replace(path, old)
        os.replace(beside, path)
    finally:
        if old.exists() and not path.exists():
            os.replace(old, path)
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)


def described(signatures):
    """Lines that tell each signature's inputs and outputs."""
    lines = []
    for name, function in signatures.items():
        inputs = function.structured_input_signature
        given = [*inputs[0], *inputs[1].values()]
        lines.append(f"{name}:")
        lines += [
            f"  takes {_named(one.name, one)}"
            for one in given
            if isinstance(one, tf.TensorSpec)
        ]
        lines += [
            f"  gives {_named(key, one)}"
            for key, one in sorted(function.structured_outputs.items())
        ]
    return lines


def _named(name, tensor):
    sides = ["?" if side is None else str(side) for side in tensor.shape]
    return f"{name} {tensor.dtype.name} ({', '.join(sides)})"

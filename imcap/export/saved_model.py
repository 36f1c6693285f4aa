"""A SavedModel on disk: whole or absent, and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from imcap.files import atomic_folder, write_json

if TYPE_CHECKING:
    from imcap.runs.run import Run

EXTRA = "assets.extra"  # where TensorFlow leaves other people's files alone


def write_saved_model(
    path: str | Path,
    signatures: dict[str, Any],
    about: dict[str, Any],
    run: Run,
    force: bool = False,
    tables: Sequence[Any] = (),
) -> None:
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
    variables = [v for one in functions for v in one.graph.variables]
    # Once each, by identity: variables of one value are not one.
    module.kept = list(
        {id(variable): variable for variable in variables}.values()
    )
    module.tables = list(tables)
    replace = force and (Path(path) / "saved_model.pb").exists()
    with atomic_folder(path, replace) as partial:
        tf.saved_model.save(module, str(partial), signatures=signatures)
        write_json(partial / EXTRA / "imcap.json", about, indent=1)
        run.vocabulary.save(partial / EXTRA / "vocabulary.json")


def describe_signatures(signatures: dict[str, Any]) -> list[str]:
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

"""A run with weights of half precision, small enough to hand on."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from imcap.captioning.confidence import ABOUT, WEIGHTS, is_of_weights
from imcap.errors import InputError
from imcap.files import (
    atomic_folder,
    atomic_write,
    file_digest,
    read_json,
    write_json,
)
from imcap.options import to_json
from imcap.runs.environment import ENVIRONMENT

if TYPE_CHECKING:
    from imcap.runs.run import Run


def write_packed_run(out: Path, run: Run, encoder: Path) -> None:
    """Writes a run directory without what only training needs.

    Weights are kept in 16 bits; settings name files without their folders.

    Args:
        out: the folder.
        run: a `Run`.
        encoder: file of its picture network, as `write_packed_encoder` made
            it; it is not copied.

    Raises:
        InputError: the folder is taken, or the run trained its network.
    """
    from imcap.training.checkpoints import save_weights

    if run.trains_encoder:
        raise InputError(
            f"{run.path}: it trained its CNN along; runs are packed whose "
            "picture network is as it came"
        )
    metadata = dict(run.encoder_metadata)
    metadata.pop("weights_path", None)
    metadata["weights"] = file_digest(encoder)
    with atomic_folder(out) as folder:
        packed = type(run)(
            folder,
            without_folders(run.config),
            run.vocabulary,
            metadata,
            run.channels,
        )
        packed.begin()
        # Neither of these says where it was made.
        write_json(folder / "config.json", to_json(packed.config), indent=1)
        (folder / ENVIRONMENT).unlink()
        save_weights(packed.best, run.task())
        halve(packed.best)
        if (run.path / WEIGHTS).exists() and is_of_weights(run):
            shutil.copyfile(run.path / WEIGHTS, folder / WEIGHTS)
            halve(folder / WEIGHTS)
            about = read_json(run.path / ABOUT, "run imcap calibrate")
            about |= {"weights": packed.fingerprint()}
            write_json(folder / ABOUT, about, indent=1)


def write_packed_encoder(path: Path, run: Run) -> None:
    """Writes a run's picture network, as Keras saves weights, in 16 bits."""
    network: Any = run.build_encoder()
    with atomic_write(path, suffix=".weights.h5") as partial:
        network.tapped.save_weights(partial)
        halve(partial)


def without_folders(config: Any) -> Any:
    """Settings whose paths are file names alone."""
    names = {
        field.name: Path(value).name
        for field in dataclasses.fields(config)
        if isinstance(value := getattr(config, field.name), str)
        and Path(value).name != value
    }
    return dataclasses.replace(config, **names)


def halve(path: Path) -> None:
    """Rewrites an HDF5 file of weights with 16 bits a number, compressed."""
    with h5py.File(path, "r") as file:
        groups: dict[str, dict[str, Any]] = {}
        arrays: dict[str, np.ndarray] = {}

        def collect(name: str, entry: Any) -> None:
            if isinstance(entry, h5py.Dataset):
                arrays[name] = entry[()]
            else:
                groups[name] = dict(entry.attrs)

        file.visititems(collect)
        groups[""] = dict(file.attrs)
    with h5py.File(path, "w") as file:
        for name, attributes in groups.items():
            group = file.require_group(name) if name else file
            group.attrs.update(attributes)
        for name, array in arrays.items():
            if array.dtype.kind == "f":
                array = array.astype("float16")
            packing = {"compression": "gzip", "shuffle": True}
            file.create_dataset(
                name, data=array, **(packing if array.ndim else {})
            )

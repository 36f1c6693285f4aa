"""Presets: files of flags that ship with the package."""

import dataclasses
from pathlib import Path
from typing import Any

from imcap.errors import InputError
from imcap.files import read_json

PRESETS = Path(__file__).parents[1] / "presets"
MATCHING = PRESETS / "matching"  # those of `imcap match train`


@dataclasses.dataclass(frozen=True)
class Preset:
    """Flags under a name, what they are for and what they gave.

    Attributes:
        name: as --preset takes it.
        description: what it is for.
        flags: dict of flags, without dashes.
        measured: dict of scores and of the data that they are of; {} where
            nothing has been measured.
    """

    name: str
    description: str
    flags: dict[str, Any]
    measured: dict[str, Any]


def list_presets(folder: Path = PRESETS) -> list[str]:
    """Names of all presets, sorted, as `imcap train --preset` takes them."""
    return sorted(path.stem for path in folder.glob("*.json"))


def open_preset(name: str, folder: Path = PRESETS) -> Preset:
    """A preset with its description and measured scores.

    Args:
        name: one of `list_presets`.
        folder: `PRESETS`, or `MATCHING` for those of `imcap match train`.

    Raises:
        InputError: no such preset.
    """
    known = list_presets(folder)
    if name not in known:
        raise InputError(f"--preset {name}: there are {', '.join(known)}")
    values = read_json(folder / f"{name}.json")
    return Preset(
        name,
        values["description"],
        values["flags"],
        values.get("measured", {}),
    )


def read_preset(name: str, folder: Path = PRESETS) -> dict[str, Any]:
    """The flags of a preset."""
    return open_preset(name, folder).flags

"""Presets: files of flags that ship with the package."""

from pathlib import Path

from imcap.errors import InputError
from imcap.files import read_json

PRESETS = Path(__file__).parents[1] / "presets"


def list_presets(folder: Path = PRESETS) -> list[str]:
    """Names of all presets, sorted, as `imcap train --preset` takes them."""
    return sorted(path.stem for path in folder.glob("*.json"))


def read_preset(name, folder=PRESETS):
    """The flags of a preset, as a dict."""
    known = list_presets(folder)
    if name not in known:
        raise InputError(f"--preset {name}: there are {', '.join(known)}")
    return read_json(folder / f"{name}.json")["flags"]

"""Presets: files of flags that ship with the package."""

from pathlib import Path

from imcap.errors import InputError
from imcap.files import read_json

PRESETS = Path(__file__).parents[1] / "presets"


def read_preset(name, folder=PRESETS):
    """The flags of a preset, as a dict."""
    known = sorted(path.stem for path in folder.glob("*.json"))
    if name not in known:
        raise InputError(f"--preset {name}: there are {', '.join(known)}")
    return read_json(folder / f"{name}.json")["flags"]

"""Kinds of runs: captioning or matching."""

from pathlib import Path

from imcap.files import read_json


def is_matching(path: str | Path) -> bool:
    """Whether a run is one of image-text matching.

    False where there is no run at all: `Run.open` says what is missing.
    """
    config = Path(path) / "config.json"
    if not config.exists():
        return False
    values = read_json(config, "is this the directory of a run?")
    return isinstance(values, dict) and "max_violation" in values

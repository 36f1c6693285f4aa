"""Where and with what a run was trained, so that it can travel.

`config.json` names files by absolute paths, and `environment.json` where the
run itself lay then. Files are looked for where they lie from the run now, as
after a whole project was moved or copied, then under the absolute path.
"""

import dataclasses
import importlib.metadata
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

from imcap.data.captions.sources import map_files
from imcap.errors import InputError
from imcap.files import read_json, write_json
from imcap.options import to_json
from imcap.runs.pretrained import is_pretrained
from imcap.startup import COMMAND

ENVIRONMENT = "environment.json"
PACKAGES = ("keras", "tensorflow", "numpy")


def describe_environment(folder: Path) -> dict[str, str]:
    """Versions, the command line, and where all this is.

    Args:
        folder: of the run.
    """
    import imcap

    found = {"imcap": imcap.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        found[name] = _version(name)
    found["platform"] = platform.platform()
    found["command"] = shlex.join(COMMAND.get() or sys.argv)
    found["directory"] = os.getcwd()
    found["run"] = os.path.abspath(folder)
    return found


def _version(name: str) -> str:
    """The version of a package; of a build by another name, what it says."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(name), "__version__", "unknown"))


def read_environment(folder: Path) -> list[dict[str, str]]:
    """What `environment.json` holds: an entry a training; [] without one."""
    path = folder / ENVIRONMENT
    if not path.exists():
        return []
    remedy = "restore it, or remove it"
    entries = read_json(path, remedy)
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("run"), str)
        for entry in entries
    ):
        raise InputError(f"{path}: not written by imcap; {remedy}")
    return entries


def record_environment(folder: Path) -> None:
    """Adds an entry for this training."""
    entries = read_environment(folder)
    entries.append(describe_environment(folder))
    write_json(folder / ENVIRONMENT, entries, indent=1)


def absolute_settings(config: Any) -> dict[str, Any]:
    """JSON of a run's settings, with absolute paths."""
    values = to_json(config)
    for name in _paths(config):
        values[name] = map_files(values[name], os.path.abspath)
    return values


def find_again(config: Any, folder: Path) -> Any:
    """The settings of a run whose files may lie elsewhere by now.

    Args:
        config: as `config.json` has them.
        folder: of the run, where it is now.
    """
    entries = read_environment(folder)
    if not entries:
        return config
    before, now = entries[-1]["run"], os.path.abspath(folder)

    def find(path: str) -> str:
        try:
            moved = os.path.normpath(
                os.path.join(now, os.path.relpath(path, before))
            )
        except ValueError:  # on another drive of Windows
            return path
        return moved if os.path.isabs(path) and _is_there(moved) else path

    found = {
        name: map_files(getattr(config, name), find) for name in _paths(config)
    }
    return dataclasses.replace(config, **found)


def _paths(config: Any) -> list[str]:
    """Names of the settings that are paths, and given."""
    return [
        field.name
        for field in dataclasses.fields(config)
        if field.metadata.get("path")
        and (value := getattr(config, field.name))
        and not is_pretrained(value)
    ]


def _is_there(path: str) -> bool:
    """Whether a file, a folder, or files that begin so, are there."""
    if os.path.exists(path):
        return True
    folder, prefix = os.path.split(path)
    return os.path.isdir(folder) and any(
        name.startswith(f"{prefix}-") for name in os.listdir(folder)
    )

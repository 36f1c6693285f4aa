"""Settings: frozen dataclasses from which parsers, --help and JSON derive.

A field is one setting; `option` gives it a default, a help line and the
names that older code used for it. Nothing here knows a command line: what
makes flags of the fields is `imcap.cli.parser`.
"""

import dataclasses
import numbers
import os
from collections.abc import Sequence
from typing import Any, TypeVar

from imcap.errors import InputError
from imcap.files import StrPath, read_json

Config = TypeVar("Config")
REQUIRED: Any = object()  # the default of an option that must be given
BETWEEN = "\n"  # the files of an option that takes several, in one str


def option(
    default: Any,
    help: str,
    *aliases: str,
    choices: Sequence[str] | None = None,
    many: bool = False,
    path: bool = False,
    several: bool = False,
    heading: str | None = None,
    old: bool = False,
) -> Any:
    """Makes a dataclass field that can also be a command-line flag.

    Args:
        default: the value when the flag is absent; `REQUIRED` for none.
        help: one line for --help.
        *aliases: older names without dashes, as in "bs" for -bs; only
            --help_all shows them.
        choices: the allowed values, or None for any.
        many: True where the flag takes several values, as a tuple.
        path: True of a file or folder; a run finds it again elsewhere.
        several: True where the flag takes a path, or several as NAME=PATH,
            which the field holds as one str with `BETWEEN` between them.
        heading: the group in --help that begins with this field; those that
            follow are in it too.
        old: True where the flag is accepted for old command lines only.
    """
    metadata = {
        "help": help,
        "aliases": aliases,
        "choices": choices,
        "many": many,
        "path": path,
        "several": several,
        "heading": heading,
        "old": old,
    }
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata | {"required": True})
    return dataclasses.field(default=default, metadata=metadata)


def positional(help: str) -> Any:
    """Makes a field for the bare words of a command line, as a tuple."""
    return dataclasses.field(
        default=(), metadata={"help": help, "positional": True}
    )


# What counts as a value of an option of each type.
ACCEPTED: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (numbers.Integral,),
    float: (numbers.Real,),
    str: (str, os.PathLike),
}


def plain_value(name: str, value: Any, kind: type) -> Any:
    """A value from Python code in the plain type of an option.

    NumPy's numbers and paths are taken too.

    Args:
        name: of the option, for messages.
        value: what was given.
        kind: bool, int, float or str.

    Raises:
        InputError: a value of another type.
    """
    if type(value).__name__ in ("bool", "bool_"):  # NumPy's as well
        value = bool(value)
    accepted = isinstance(value, ACCEPTED[kind])
    if isinstance(value, bool) and kind is not bool:
        accepted = False  # though Python counts with them
    if not accepted:
        raise InputError(f"{name}={value!r}: give {kind.__name__}")
    return os.fsdecode(value) if kind is str else kind(value)


def to_json(config: Any) -> dict[str, Any]:
    """The config as a plain dict for config.json."""
    return dataclasses.asdict(config)


def from_json(config_class: type[Config], path: StrPath) -> Config:
    """Reads config.json; a key the class lacks is an InputError."""
    values = read_json(path, "is this the directory of a run?")
    if not isinstance(values, dict):
        raise InputError(f"{path}: not the settings of a run; restore it")
    fields = dataclasses.fields(config_class)  # type: ignore[arg-type]
    unknown = sorted(set(values) - {field.name for field in fields})
    if unknown:
        raise InputError(
            f"{path}: unknown key {unknown[0]!r}; the run was made by another "
            "version of imcap, or the file was edited"
        )
    needed = {f.name for f in fields if f.metadata.get("required")}
    absent = sorted(needed - set(values))
    if absent:
        raise InputError(f"{path}: the key {absent[0]!r} is missing; add it")
    plain = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in values.items()
    }
    return config_class(**plain)

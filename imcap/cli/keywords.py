"""Keyword arguments of Python code as the settings of a command."""

import dataclasses
import difflib
import inspect
import os
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from imcap.cli.output import OutputFlags
from imcap.cli.parser import value_type
from imcap.errors import InputError
from imcap.files import expand_wildcards
from imcap.options import BETWEEN, plain_value

Function = TypeVar("Function", bound=Callable[..., Any])
Field = dataclasses.Field[Any]


def parse_keywords(
    config_class: Any, keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """Checks keyword arguments as the parser checks words.

    None stands for what is not given, unless the setting can be None.

    Args:
        config_class: the dataclass of a command's flags.
        keywords: dict of name to value. Paths may be `Path`s; what takes
            several values an iterable, or one of them; NAME=PATH a dict.

    Returns:
        Dict of plain values, of what was given alone.

    Raises:
        InputError: an unknown name, a missing one, a wrong type or choice.
    """
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    for name in keywords:
        if name not in fields:
            raise InputError(_unknown(name, fields))
    hints = typing.get_type_hints(config_class)
    plain = {
        name: None if value is None else _plain(fields[name], value, hints)
        for name, value in keywords.items()
        if value is not None or _takes_none(hints[name])
    }
    for name, field in fields.items():
        if field.metadata.get("required") and name not in plain:
            raise InputError(f"give {name}: {field.metadata['help']}")
    return plain


def _takes_none(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _unknown(name: str, fields: Mapping[str, Field]) -> str:
    """What to say of a name that no flag has."""
    for field in fields.values():
        if name in field.metadata.get("aliases", ()):
            return f"unknown flag {name!r}; its name is {field.name!r}"
    names = [*fields, *(one.name for one in dataclasses.fields(OutputFlags))]
    close = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else ""
    return f"unknown flag {name!r}; {hint or 'there are ' + ', '.join(names)}"


def _plain(field: Field, value: Any, hints: Mapping[str, Any]) -> Any:
    """One value as the parser would give it."""
    name, metadata = field.name, field.metadata
    kind = value_type(hints[name])
    if metadata.get("several"):
        return BETWEEN.join(_words(name, value))
    if metadata.get("many") or metadata.get("positional"):
        words = _words(name, value) if kind is str else _items(value)
        items = [plain_value(name, one, kind) for one in words]
        if kind is str:
            items = [os.fspath(one) for one in expand_wildcards(items)]
        return tuple(items)
    plain = plain_value(name, value, kind)
    choices = metadata.get("choices")
    if choices and plain not in choices:
        close = difflib.get_close_matches(str(plain), choices, n=1)
        hint = f"did you mean {close[0]}?" if close else "choose another"
        raise InputError(
            f"{name}={value!r}: there are {', '.join(choices)}; {hint}"
        )
    return plain


def _items(value: Any) -> Iterable[Any]:
    alone = isinstance(value, (str, bytes, os.PathLike))
    return value if hasattr(value, "__iter__") and not alone else [value]


def _words(name: str, value: Any) -> list[str]:
    """The words of a command line for what takes several."""
    if isinstance(value, Mapping):
        return [
            f"{key}={plain_value(name, one, str)}" for key, one in value.items()
        ]
    return [plain_value(name, one, str) for one in _items(value)]


def takes_flags(config_class: Any) -> Callable[[Function], Function]:
    """Decorator: `help` and completion of a function show a command's flags.

    Args:
        config_class: the dataclass of the flags that its keywords are.
    """

    def decorate(function: Function) -> Function:
        hints = typing.get_type_hints(config_class)
        own = [
            one
            for one in inspect.signature(function).parameters.values()
            if one.kind is not one.VAR_KEYWORD
        ]
        first = [one for one in own if one.kind is not one.KEYWORD_ONLY]
        last = [one for one in own if one.kind is one.KEYWORD_ONLY]
        known = {one.name for one in own}
        flags = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )
            for field in dataclasses.fields(config_class)
            if field.name not in known and not field.metadata.get("old")
        ]
        signature = inspect.signature(function)
        function.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*first, *flags, *last]
        )
        lines = [
            f"    {field.name}: {field.metadata['help']}"
            for field in dataclasses.fields(config_class)
            if field.name not in known and not field.metadata.get("old")
        ]
        text = inspect.cleandoc(function.__doc__ or "")
        function.__doc__ = "\n".join([text, "", "Flags:", *lines])
        return function

    return decorate

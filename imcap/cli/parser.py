"""Command-line parsing: flags from frozen dataclasses, one-line errors."""

import argparse
import dataclasses
import difflib
import os
import re
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

from imcap.cli.unexpected import TRACEBACK, describe_unexpected
from imcap.errors import InputError
from imcap.files import expand_wildcards
from imcap.options import BETWEEN
from imcap.startup import COMMAND, escape_streams

Config = TypeVar("Config")  # a frozen dataclass of `imcap.options`
TRUE_WORDS = {"true", "yes", "on", "1"}
FALSE_WORDS = {"false", "no", "off", "0"}


class Parser(argparse.ArgumentParser):
    """argparse that answers a mistake with one line and status 2."""

    def error(self, message: str) -> NoReturn:
        """Prints one line, with the flag that was perhaps meant; exits."""
        unknown = message.partition("unrecognized arguments: ")[2].split()
        if unknown:
            names = list(self._option_string_actions)
            close = difflib.get_close_matches(unknown[0], names, n=1)
            hint = f"did you mean {close[0]}?" if close else "see --help"
            message = f"unknown flag {unknown[0]}; {hint}"
        self.exit(2, f"{self.prog}: error: {message}\n")


def parse_boolean(text: str) -> bool:
    """Reads 'True', 'yes', 'on', '1' and their opposites, any case."""
    word = text.lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise argparse.ArgumentTypeError(f"expected True or False, got {text!r}")


def _value_type(annotation: Any) -> Any:
    """The plain type behind `int | None` and the like."""
    choices = [a for a in typing.get_args(annotation) if a is not type(None)]
    return choices[0] if choices else annotation


def _flags(field: dataclasses.Field[Any]) -> list[str]:
    names = (field.name, *field.metadata.get("aliases", ()))
    return [dash + name for name in names for dash in ("--", "-")]


def _add_argument(
    parser: Parser, field: dataclasses.Field[Any], kind: Any
) -> None:
    metadata = field.metadata
    shown = "" if metadata.get("required") else f" [{field.default}]"
    help_text = (metadata["help"] + shown).replace("%", "%%")
    if metadata.get("positional"):
        parser.add_argument(field.name, nargs="*", help=metadata["help"])
        return
    parser.add_argument(
        *_flags(field),
        dest=field.name,
        type=parse_boolean if kind is bool else kind,
        nargs="+" if metadata.get("many") else None,
        choices=metadata.get("choices"),
        required=metadata.get("required", False),
        default=argparse.SUPPRESS,
        metavar="True|False" if kind is bool else field.name.upper(),
        help=help_text,
    )


def _spell_out_booleans(
    arguments: Sequence[str], booleans: Iterable[str]
) -> list[str]:
    """Puts 'True' behind each boolean flag that stands alone."""
    spelled = []
    for index, word in enumerate(arguments):
        spelled.append(word)
        following = arguments[index + 1 : index + 2]
        given = following and following[0].lower() in TRUE_WORDS | FALSE_WORDS
        if word in booleans and not given:
            spelled.append("True")
    return spelled


def _join_several(
    arguments: Sequence[str], several: Iterable[str]
) -> list[str]:
    """Makes one word of the NAME=PATH behind a flag that takes several."""
    joined: list[str] = []
    flag_at = None
    for word in arguments:
        is_more = flag_at is not None and len(joined) > flag_at + 1
        if is_more and re.fullmatch(r"[A-Za-z]\w*=.+", word):
            joined[-1] += BETWEEN + word
            continue
        joined.append(word)
        if word in several:
            flag_at = len(joined) - 1
        elif is_more:
            flag_at = None
    return joined


def parse(
    config_class: Callable[..., Config],
    arguments: Sequence[str] | None = None,
    program: str | None = None,
) -> Config:
    """Makes a config of `config_class` from command-line words.

    Args:
        config_class: a frozen dataclass whose fields come from `option`.
        arguments: list of str; None for those of this process.
        program: the name in messages.

    Returns:
        An instance of `config_class`. Leaves the process with status 2 and
        one line when the words do not fit.
    """
    given = parse_given(config_class, arguments, program)
    return config_class(**given)


def parse_given(
    config_class: Any,
    arguments: Sequence[str] | None = None,
    program: str | None = None,
) -> dict[str, Any]:
    """Like `parse`, but returns a dict of only what was given."""
    parser = Parser(
        prog=program, description=config_class.__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    hints = typing.get_type_hints(config_class)
    booleans: set[str] = set()
    files: set[str] = set()  # flags of several words, patterns among them
    several: set[str] = set()
    for field in dataclasses.fields(config_class):
        kind = _value_type(hints[field.name])
        if field.metadata.get("many"):
            kind = typing.get_args(hints[field.name])[0]
            files.update({field.name} if kind is str else ())
        _add_argument(parser, field, kind)
        if kind is bool:
            booleans.update(_flags(field))
        if field.metadata.get("several"):
            several.update(_flags(field))
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    arguments = _join_several(arguments, several)
    given = vars(parser.parse_args(_spell_out_booleans(arguments, booleans)))
    for name in files & set(given):
        given[name] = expand_wildcards(given[name])
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }


def refuse(name: str, message: str) -> int:
    """Prints why a command does not go on, in one line; returns status 2."""
    line = " ".join(message.split())
    print(f"imcap {name}: error: {line}", file=sys.stderr)
    return 2


def leave_pipe() -> int:
    """Ends where nobody reads on, as in `imcap caption … | head -1`.

    What is left in the buffer vanishes, instead of failing at exit.

    Returns:
        The exit status, which shells give to programs that a closed pipe
        ended.
    """
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    return 141


def run_command(
    name: str,
    config_class: Callable[..., Config],
    body: Callable[[Config], object],
    arguments: Sequence[str] | None = None,
    complete: Callable[[dict[str, Any]], Config] | None = None,
) -> int:
    """Runs one command: parse, call `body(config)`, report mistakes.

    Args:
        name: the command's name, as in `imcap NAME`.
        config_class: its dataclass.
        body: function of the config.
        arguments: list of str; None for those of this process.
        complete: function of the dict of given flags to the config, for
            commands whose defaults depend on them; None for the class.

    Returns:
        The exit status: 0, 2 for bad input or an output folder that cannot
        be written, 130 when interrupted, 141 where a pipe was closed.
    """
    escape_streams()
    words = sys.argv[1:] if arguments is None else arguments
    COMMAND.set(("imcap", *name.split(), *words))
    given = parse_given(config_class, arguments, f"imcap {name}")
    try:
        body(complete(given) if complete else config_class(**given))
        sys.stdout.flush()
    except BrokenPipeError:
        return leave_pipe()
    except (InputError, OSError) as error:
        return refuse(name, str(error))
    except ModuleNotFoundError as error:
        if (error.name or "imcap").split(".")[0] == "imcap":
            raise
        return refuse(
            name,
            f"{error.name} is not installed; pip install imcap with its "
            "dependencies",
        )
    except (UnicodeError, OverflowError, TypeError) as error:
        if os.environ.get(TRACEBACK):
            raise
        return refuse(name, describe_unexpected(error, given))
    except KeyboardInterrupt:
        print(f"\nimcap {name}: interrupted", file=sys.stderr)
        return 130
    return 0

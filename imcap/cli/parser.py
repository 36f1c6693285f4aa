"""Command-line parsing: flags from frozen dataclasses, one-line errors."""

import argparse
import dataclasses
import difflib
import inspect
import os
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from imcap.cli.output import OutputFlags, call, directed
from imcap.cli.unexpected import TRACEBACK, describe_unexpected
from imcap.errors import InputError
from imcap.files import expand_wildcards
from imcap.options import BETWEEN
from imcap.startup import COMMAND, escape_streams, hide_noise

Config = TypeVar("Config")  # a frozen dataclass of `imcap.options`
TRUE_WORDS = {"true", "yes", "on", "1"}
FALSE_WORDS = {"false", "no", "off", "0"}
FLAGS = "Flags"  # heading of those that have none
WORDS = "Words without a flag"


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help with each flag under one name; the older ones where asked for."""

    all_names = False

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = [n for n in action.option_strings if n.startswith("--")]
        shown = ", ".join(names if self.all_names else names[:1])
        values = self._format_args(action, str(action.metavar or ""))
        return f"{shown} {values}".strip()


class AllNamesFormatter(HelpFormatter):
    """Help with every name of each flag."""

    all_names = True


class Parser(argparse.ArgumentParser):
    """argparse that answers a mistake with one line and status 2."""

    def error(self, message: str) -> NoReturn:
        """Prints one line, with the flag that was perhaps meant; exits."""
        # Of a flag's names only the first.
        message = re.sub(r"(?<![\w/])(--\w+)(/-{1,2}\w+)+", r"\1", message)
        message = message.removeprefix("argument ")
        unknown = message.partition("unrecognized arguments: ")[2].split()
        needed = message.partition("arguments are required: ")[2]
        if unknown:
            names = list(self._option_string_actions)
            close = difflib.get_close_matches(unknown[0], names, n=1)
            hint = f"did you mean {close[0]}?" if close else "see --help"
            message = f"unknown flag {unknown[0]}; {hint}"
        elif needed:
            first = needed.split(", ")[0]
            what = self._option_string_actions[first].help
            message = f"give {first}: {what}"
        elif "expected" in message and "argument" in message:
            message += f"; give a value behind it ({self.prog} --help)"
        self.exit(2, f"{self.prog}: error: {message}\n")


def parse_boolean(text: str) -> bool:
    """Reads 'True', 'yes', 'on', '1' and their opposites, any case."""
    word = text.lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise argparse.ArgumentTypeError(f"give True or False, not {text!r}")


def parse_int(text: str) -> int:
    """Reads a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"give a whole number, not {text!r}"
        ) from None


def parse_float(text: str) -> float:
    """Reads a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"give a number, such as 0.1, not {text!r}"
        ) from None


READERS = {bool: parse_boolean, int: parse_int, float: parse_float}
VALUES = {bool: "[True|False]", int: "N", float: "X"}  # as --help calls them


def value_type(annotation: Any) -> Any:
    """The plain type behind `int | None` and the like."""
    choices = [a for a in typing.get_args(annotation) if a is not type(None)]
    return choices[0] if choices else annotation


def _flags(field: dataclasses.Field[Any]) -> list[str]:
    names = (field.name, *field.metadata.get("aliases", ()))
    return [dash + name for name in names for dash in ("--", "-")]


def _help_text(field: dataclasses.Field[Any]) -> str:
    """The help line, with the default where it says something."""
    text, default = field.metadata["help"], field.default
    if field.metadata.get("required") or default in (None, "", ()):
        return text.replace("%", "%%")
    if isinstance(default, tuple):
        default = " ".join(map(str, default))
    return f"{text} [{default}]".replace("%", "%%")


def _add_argument(
    group: Any, field: dataclasses.Field[Any], kind: Any, show_old: bool
) -> None:
    metadata = field.metadata
    choices = metadata.get("choices")
    value = VALUES.get(kind, field.name.upper())
    hidden = metadata.get("old") and not show_old
    group.add_argument(
        *_flags(field),
        dest=field.name,
        type=READERS.get(kind, kind),
        nargs="+" if metadata.get("many") else None,
        choices=choices,
        required=metadata.get("required", False),
        default=argparse.SUPPRESS,
        metavar="{" + ",".join(choices) + "}" if choices else value,
        help=argparse.SUPPRESS if hidden else _help_text(field),
    )


def _headings(config_class: Any) -> dict[str, str]:
    """The heading of each field; a command's own come before shared ones."""
    classes: list[Any] = [
        c for c in config_class.__mro__ if dataclasses.is_dataclass(c)
    ]
    # A class that gives a field another default leaves it where it was.
    headings = {
        field.name: field.metadata["heading"]
        for one in classes
        for field in dataclasses.fields(one)
        if field.metadata.get("heading")
    }
    heading, of_field = FLAGS, {}
    for field in dataclasses.fields(config_class):
        heading = headings.get(field.name, heading)
        bare = field.metadata.get("positional")
        of_field[field.name] = WORDS if bare else heading
    introduced = {
        name: one
        for one in classes
        for name in inspect.get_annotations(one)
        if name in of_field
    }
    order = {
        of_field[name]: None
        for one in classes
        for name in of_field
        if introduced[name] is one
    }
    return {
        name: heading
        for wanted in order
        for name, heading in of_field.items()
        if heading == wanted
    }


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


def _usage(fields: Iterable[dataclasses.Field[Any]]) -> str:
    """The usage line: what must be given, and that there are flags."""
    words = ["%(prog)s"]
    for field in fields:
        if field.metadata.get("required"):
            words.append(f"--{field.name} {field.name.upper()}")
    words.append("[--FLAG VALUE …]")
    for field in fields:
        if field.metadata.get("positional"):
            words.append(f"[{field.name.upper()} …]")
    return " ".join(words)


def make_parser(
    config_class: Any, program: str | None = None, show_old: bool = False
) -> tuple[Parser, set[str]]:
    """The parser of a dataclass's flags, and the names of boolean ones.

    Args:
        config_class: a dataclass whose fields come from `option`.
        program: the name in messages.
        show_old: whether the help shows older names too.
    """
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    parser = Parser(
        prog=program,
        usage=_usage(fields.values()),
        description=inspect.cleandoc(config_class.__doc__ or ""),
        allow_abbrev=False,
        add_help=False,
        formatter_class=AllNamesFormatter if show_old else HelpFormatter,
    )
    hints = typing.get_type_hints(config_class)
    booleans: set[str] = set()
    groups: dict[str, Any] = {}
    for name, heading in _headings(config_class).items():
        field, kind = fields[name], value_type(hints[name])
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        if field.metadata.get("positional"):
            groups[heading].add_argument(
                name, nargs="*", help=field.metadata["help"]
            )
            continue
        if kind is bool:
            booleans.update(_flags(field))
        _add_argument(groups[heading], field, kind, show_old)
    booleans |= _add_output(parser)
    return parser, booleans


def _add_output(parser: Parser) -> set[str]:
    """Adds what every command has; returns the boolean flags of it."""
    group = parser.add_argument_group("Output and help")
    booleans = set()
    for field in dataclasses.fields(OutputFlags):
        kind = bool if field.default is False else str
        _add_argument(group, field, kind, show_old=False)
        if kind is bool:
            booleans.update(_flags(field))
    group.add_argument(
        "--help", "-help", "-h", action="help", help="show this and leave"
    )
    group.add_argument(
        "--help_all", "-help_all", action="help",
        help="the same with older names of flags; one dash does for two",
    )  # fmt: skip
    return booleans


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
    return _parse(config_class, arguments, program)[0]


def _parse(
    config_class: Any, arguments: Sequence[str] | None, program: str | None
) -> tuple[dict[str, Any], OutputFlags]:
    """What was given of a command's flags, and the flags of all commands."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    show_old = not {"--help_all", "-help_all"}.isdisjoint(arguments)
    parser, booleans = make_parser(config_class, program, show_old)
    fields = dataclasses.fields(config_class)
    several = {
        flag
        for field in fields
        if field.metadata.get("several")
        for flag in _flags(field)
    }
    arguments = _join_several(arguments, several)
    given = vars(parser.parse_args(_spell_out_booleans(arguments, booleans)))
    for field in fields:
        words = given.get(field.name)
        if field.metadata.get("many") and words and isinstance(words[0], str):
            # Names of files, with patterns among them.
            given[field.name] = expand_wildcards(words)
    output = {
        field.name: given.pop(field.name)
        for field in dataclasses.fields(OutputFlags)
        if field.name in given
    }
    of_command = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
    return of_command, OutputFlags(**output)


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
    if arguments is None:
        hide_noise()
    words = sys.argv[1:] if arguments is None else arguments
    COMMAND.set(("imcap", *name.split(), *words))
    given, output = _parse(config_class, arguments, f"imcap {name}")

    def run() -> None:
        call(body, complete(given) if complete else config_class(**given))

    try:
        with directed(output):
            return _status(name, run, given)
    except (InputError, OSError) as error:  # the log file
        return refuse(name, str(error))


def _status(
    name: str, run: Callable[[], None], given: Mapping[str, Any]
) -> int:
    """Runs a command; prints what went wrong and returns its status."""
    try:
        run()
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
    except KeyboardInterrupt as stop:
        remedy = "".join(f"; {one}" for one in stop.args)
        if sys.stderr.isatty():
            print(file=sys.stderr)  # below the bar, or ^C
        print(f"imcap {name}: interrupted{remedy}", file=sys.stderr)
        return 130
    return 0

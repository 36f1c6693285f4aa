"""Commands by name: `imcap COMMAND …` and `imcap match COMMAND …`."""

import importlib
import sys


def dispatch(program, commands, arguments, modules=None):
    """Runs the command that the first word names.

    Args:
        program: what stands before it, such as "imcap match".
        commands: dict of name to what it does, in a few words.
        arguments: list of str.
        modules: dict of name to its module, whose `main` takes the rest;
            those not in it are `imcap.NAME`.

    Returns:
        The exit status.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(f"usage: {program} COMMAND …      ({program} COMMAND --help)\n")
        for name, what in commands.items():
            print(f"  {name:10}{what}")
        return 0
    name, *rest = arguments
    if name not in commands:
        print(
            f"{program}: error: unknown command {name!r}; "
            f"choose from {', '.join(commands)}",
            file=sys.stderr,
        )
        return 2
    module = (modules or {}).get(name, f"imcap.{name}")
    return importlib.import_module(module).main(rest)

"""Commands by name: `imcap COMMAND …` and `imcap match COMMAND …`."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence

import imcap
from imcap.startup import escape_streams, hide_noise


def dispatch(
    program: str,
    commands: Mapping[str, str],
    arguments: Sequence[str],
    modules: Mapping[str, str] | None = None,
) -> int:
    """Runs the command that the first word names.

    Args:
        program: what stands before it, such as "imcap match".
        commands: dict of name to what it does, in a few words.
        arguments: list of str.
        modules: dict of name to its module, whose `main` takes the rest;
            those not in it are `imcap.cli.NAME`.

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
    module = (modules or {}).get(name, f"imcap.cli.{name}")
    return importlib.import_module(module).main(rest)


COMMANDS = {
    "demo": "the main job in minutes, on scenes that it draws itself",
    "prepare": "captions of any format to a vocabulary and label files",
    "extract": "pictures to a file of features",
    "train": "a captioner from features or pictures",
    "evaluate": "a run on a split: BLEU, ROUGE-L, CIDEr, METEOR, SPICE",
    "caption": "captions and attention of your own pictures",
    "calibrate": "how sure a run can be of its captions",
    "export": "a run as a SavedModel, for LiteRT, or as a .keras file",
    "report": "a page of captions, scores and where each word looked",
    "compare": "two runs on the same pictures, with intervals",
    "score": "results of anybody against references, with intervals",
    "match": "image-text matching: train, evaluate, search",
    "serve": "a page in your browser that captions or searches pictures",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `imcap COMMAND …`; returns the exit status."""
    if argv is None:
        hide_noise()
    # TensorFlow's own start-up notes would drown the one line that matters.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    escape_streams()
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["--version"]:
        print(f"imcap {imcap.__version__}")
        return 0
    return dispatch("imcap", COMMANDS, arguments)

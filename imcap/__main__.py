"""`imcap COMMAND …`."""

import importlib
import os
import sys

import imcap

COMMANDS = {
    "demo": "the main job in three minutes, without data or download",
    "prepare": "captions of any format to a vocabulary and label files",
    "extract": "pictures to a file of features",
    "train": "a captioner from features or pictures",
    "evaluate": "a run on a split: BLEU, ROUGE-L, CIDEr, METEOR, SPICE",
    "caption": "captions and attention of your own pictures",
}


def usage():
    """What `imcap` alone prints."""
    lines = ["usage: imcap COMMAND …      (imcap COMMAND --help)", ""]
    lines += [f"  {name:10}{what}" for name, what in COMMANDS.items()]
    return "\n".join(lines)


def main(argv=None):
    """Runs one command; returns the exit status."""
    # TensorFlow's own start-up notes would drown the one line that matters.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    arguments = sys.argv[1:] if argv is None else list(argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        print(f"imcap {imcap.__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        print(
            f"imcap: error: unknown command {arguments[0]!r}; "
            f"choose from {', '.join(COMMANDS)}",
            file=sys.stderr,
        )
        return 2
    command = importlib.import_module(f"imcap.{arguments[0]}")
    return command.main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())

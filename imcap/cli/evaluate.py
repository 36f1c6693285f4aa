"""`imcap evaluate`: captions of a split, and how good they are.

imcap evaluate --model runs/adaptive --split test --beam_size 5
"""

import sys

from imcap.captioning.evaluation import EvaluateConfig, evaluate
from imcap.cli.parser import run_command


def main(argv=None):
    """Runs `imcap evaluate`; returns the exit status."""
    return run_command("evaluate", EvaluateConfig, evaluate, argv)


if __name__ == "__main__":
    sys.exit(main())

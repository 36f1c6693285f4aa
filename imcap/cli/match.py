"""`imcap match …`: which caption belongs to which image.

imcap match train --preset scan_t2i_avg_flickr8k --features features.h5
    --input_json dataset_flickr8k.json --checkpoint_path runs/t2i
imcap match evaluate --model runs/t2i --ensemble runs/i2t
imcap match search --model runs/t2i --images holiday "a dog in the snow"
"""

import sys
from collections.abc import Sequence

from imcap.cli.dispatch import dispatch

COMMANDS = {
    "train": "stacked cross attention on images and captions",
    "evaluate": "recall of a run, or of several together, on a split",
    "search": "pictures for a sentence, sentences for a picture",
}


MODULES = {
    "train": "imcap.cli.match_train",
    "evaluate": "imcap.cli.match_evaluate",
    "search": "imcap.cli.match_search",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one of the commands; returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    return dispatch("imcap match", COMMANDS, arguments, MODULES)


if __name__ == "__main__":
    sys.exit(main())

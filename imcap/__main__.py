"""`imcap COMMAND …`."""

import os
import sys

import imcap
from imcap.commands import dispatch

COMMANDS = {
    "demo": "the main job in three minutes, without data or download",
    "prepare": "captions of any format to a vocabulary and label files",
    "extract": "pictures to a file of features",
    "train": "a captioner from features or pictures",
    "evaluate": "a run on a split: BLEU, ROUGE-L, CIDEr, METEOR, SPICE",
    "caption": "captions and attention of your own pictures",
    "export": "a run as a SavedModel, for LiteRT, or as a .keras file",
    "report": "a page of captions, scores and where each word looked",
    "compare": "two runs on the same pictures, with intervals",
    "match": "image-text matching: train, evaluate, search",
    "serve": "a page in your browser that captions or searches pictures",
}


def main(argv=None):
    """Runs one command; returns the exit status."""
    # TensorFlow's own start-up notes would drown the one line that matters.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["--version"]:
        print(f"imcap {imcap.__version__}")
        return 0
    return dispatch("imcap", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())

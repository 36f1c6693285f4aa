"""Writes picture features as OUTPUT_DIR_fc/ID.npy and OUTPUT_DIR_att/ID.npz.

python utils/prepro_feats.py --input_json dataset_coco.json
    --images_root images --output_dir data/cocotalk

The flags of older captioning code, in front of `imcap extract`: --att_size
is 14 unless given, and --model_root is a folder that may hold the network's
weights as MODEL.weights.h5 or MODEL.h5; without it they are ImageNet's.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imcap.cli.extract import main as extract
from imcap.errors import InputError


def weights_in(model_root: str, model: str) -> str:
    """The path of a network's weights in a folder, or InputError."""
    names = (f"{model}.weights.h5", f"{model}.h5")
    for name in names:
        if (Path(model_root) / name).is_file():
            return str(Path(model_root) / name)
    raise InputError(
        f"{model_root}: holds neither {names[0]} nor {names[1]}; leave "
        "--model_root away to use ImageNet weights"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Translates the flags; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="resnet101")
    parser.add_argument("--model_root")
    parser.add_argument("--att_size", default="14")
    known, passed_on = parser.parse_known_args(arguments)
    flags = ["--model", known.model, "--att_size", known.att_size]
    try:
        if known.model_root:
            flags += ["--weights", weights_in(known.model_root, known.model)]
    except InputError as error:
        print(f"prepro_feats: error: {error}", file=sys.stderr)
        return 2
    return extract(flags + passed_on)


if __name__ == "__main__":
    sys.exit(main())

"""Captions and pictures to one HDF5 file, as sat_keras keeps them.

python utils/prepro_coco.py --input_json coco_raw.json \
    --output_json cocotalk.json --output_h5 cocotalk.h5 \
    --images_root DIR --num_val 2000 --num_test 2000
"""

import dataclasses
import sys

from imcap.cli.parser import run_command
from imcap.cli.prepare import PrepareConfig, prepare
from imcap.options import option


@dataclasses.dataclass(frozen=True)
class PreproCocoConfig(PrepareConfig):
    """Like imcap prepare, with pictures and the words <start>, <eos>."""

    max_length: int = option(18, "columns of a caption, <start> and <eos> too")
    dialect: str = option("sat_keras", "numbering of special words")
    store_images: bool = option(True, "store the pictures, 256 pixels square")


if __name__ == "__main__":
    sys.exit(run_command("prepro_coco", PreproCocoConfig, prepare))

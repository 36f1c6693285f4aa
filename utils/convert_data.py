"""Bottom-up TSV files to SPLIT_ims.npy and SPLIT_ids.txt of SCAN.

python utils/convert_data.py --imgid_list train_ids.txt --split train \
    --input_file data/bu_data --output_dir data/coco_precomp
"""

import dataclasses
import sys

from imcap.cli.parser import run_command
from imcap.data.features.bottom_up import find_bottom_up_files
from imcap.data.pairs.precomp import read_lines
from imcap.data.pairs.precomp_writer import convert_regions
from imcap.options import REQUIRED, option
from imcap.progress import BYTES, Meter


@dataclasses.dataclass(frozen=True)
class ConvertDataConfig:
    """Puts the regions of the listed images into one array."""

    imgid_list: str = option(
        REQUIRED, "text file of image ids, one an image or one a caption"
    )
    input_file: tuple[str, ...] = option(
        REQUIRED, "TSV files, or folders of them", many=True
    )
    output_dir: str = option("data/", "folder to write to")
    split: str = option("train", "train, dev, test or testall")


def convert_data(config: ConvertDataConfig) -> None:
    """Runs the command and prints what came of it."""
    ids = read_lines(config.imgid_list)
    files = [
        f for path in config.input_file for f in find_bottom_up_files(path)
    ]
    size = sum(file.stat().st_size for file in files)
    with Meter(size, "reading", BYTES) as meter:
        shape = convert_regions(
            files, ids, config.output_dir, config.split, meter.update
        )
    print(f"{config.output_dir}: {config.split}_ims.npy of shape {shape}")


if __name__ == "__main__":
    sys.exit(run_command("convert_data", ConvertDataConfig, convert_data))

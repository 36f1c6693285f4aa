"""Bottom-up TSV files to data/cocobu_att, _fc, _box and _sizes.json.

python utils/make_bu_data.py --downloaded_feats data/bu_data \
    --output_dir data/cocobu

Takes the files as they were unpacked, whatever their size, and continues
where it was stopped.
"""

import dataclasses
import sys

from imcap.cli.parser import run_command
from imcap.data.features.bottom_up import (
    convert_bottom_up,
    find_bottom_up_files,
)
from imcap.options import option
from imcap.progress import BYTES, Meter


@dataclasses.dataclass(frozen=True)
class MakeBottomUpConfig:
    """Turns bottom-up TSV files into one file a picture."""

    output_dir: str = option(
        "data/cocobu",
        "writes OUTPUT_DIR_att/ID.npz, OUTPUT_DIR_fc/ID.npy, "
        "OUTPUT_DIR_box/ID.npy and OUTPUT_DIR_sizes.json",
    )
    downloaded_feats: str = option(
        "data/bu_data", "a TSV file, or a folder of them"
    )


def make_bu_data(config: MakeBottomUpConfig) -> None:
    """Runs the command and prints what came of it."""
    files = find_bottom_up_files(config.downloaded_feats)
    size = sum(file.stat().st_size for file in files)
    with Meter(size, "reading", BYTES) as meter:
        done = convert_bottom_up(files, config.output_dir, meter.update)
    print(
        f"{config.output_dir}: {done.written} of {done.total} pictures "
        "written now"
    )
    if done.bad:
        first = done.bad[0]
        print(
            f"note: {len(done.bad)} of {done.total} rows left out, see "
            f"{done.note} (first: {first['file']} line {first['line']}, "
            f"{first['reason']})"
        )


if __name__ == "__main__":
    sys.exit(run_command("make_bu_data", MakeBottomUpConfig, make_bu_data))

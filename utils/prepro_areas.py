"""Boxes to grid vectors: how much of each grid cell a region covers.

python utils/prepro_areas.py --input_dir data/cocobu_box \
    --output_dir data/cocobu_box_vec --num_grids 144

Boxes in pixels need the sizes of their pictures: from the sizes that
make_bu_data.py writes beside them, from --input_json, or from the pictures
themselves with --images_root besides. Relative boxes need none.
"""

import dataclasses
import sys

from imcap.cli.parser import run_command
from imcap.data.features.boxes import NORMALISATIONS
from imcap.data.features.position_folder import write_grid_vectors
from imcap.data.pictures.sizes import PictureSizes
from imcap.options import REQUIRED, option
from imcap.progress import progress


@dataclasses.dataclass(frozen=True)
class PreproAreasConfig:
    """Writes OUTPUT_DIR/ID.npy (n, num_grids) for every ID.npy of boxes."""

    input_dir: str = option(REQUIRED, "folder of boxes, pixels or relative")
    output_dir: str = option(REQUIRED, "folder to write")
    num_grids: int = option(144, "cells of the grid, a square number")
    normalise: str = option(
        "cell",
        "cell: the covered share of each cell; box: the share of the box in "
        "each cell, sum 1",
        "normalize",
        choices=NORMALISATIONS,
    )
    input_json: str | None = option(
        None, "captions JSON with width and height, or file, of each picture"
    )
    images_root: str = option(
        "", "folder of the pictures, to read sizes from", "image_root"
    )


def prepro_areas(config: PreproAreasConfig) -> None:
    """Runs the command and prints what came of it."""
    written, total = write_grid_vectors(
        config.input_dir,
        config.output_dir,
        PictureSizes(config.input_dir, config.input_json, config.images_root),
        config.num_grids,
        config.normalise,
        progress=lambda files: progress(files, unit="pictures"),
    )
    print(f"{config.output_dir}: {written} of {total} pictures written now")


if __name__ == "__main__":
    sys.exit(run_command("prepro_areas", PreproAreasConfig, prepro_areas))

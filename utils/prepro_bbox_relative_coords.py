"""Boxes in pixels to boxes relative to their picture.

python utils/prepro_bbox_relative_coords.py --input_json dataset_coco.json \
    --input_box_dir data/cocobu_box --output_dir data/cocobu_box_relative \
    --image_root images

Divides by width, height, width, height and clips to [0, 1]. Sizes come from
what make_bu_data.py wrote beside the boxes, else from the JSON, else from
the pictures.
"""

import dataclasses
import sys

from imcap.cli.parser import run_command
from imcap.data.features.position_folder import write_relative_boxes
from imcap.data.pictures.sizes import PictureSizes
from imcap.options import REQUIRED, option
from imcap.progress import progress


@dataclasses.dataclass(frozen=True)
class RelativeBoxesConfig:
    """Writes OUTPUT_DIR/ID.npy (n, 4) for every ID.npy of boxes."""

    input_box_dir: str = option(REQUIRED, "folder of boxes")
    output_dir: str = option(REQUIRED, "folder to write")
    input_json: str | None = option(
        None, "captions JSON with width and height, or file, of each picture"
    )
    image_root: str = option(
        "", "folder of the pictures, to read sizes from", "images_root"
    )


def prepro_bbox_relative_coords(config: RelativeBoxesConfig) -> None:
    """Runs the command and prints what came of it."""
    written, total = write_relative_boxes(
        config.input_box_dir,
        config.output_dir,
        PictureSizes(
            config.input_box_dir, config.input_json, config.image_root
        ),
        progress=lambda files: progress(files, unit="pictures"),
    )
    print(f"{config.output_dir}: {written} of {total} pictures written now")


if __name__ == "__main__":
    sys.exit(
        run_command(
            "prepro_bbox_relative_coords",
            RelativeBoxesConfig,
            prepro_bbox_relative_coords,
        )
    )

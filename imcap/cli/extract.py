"""`imcap extract`: pictures in, a file of features out.

imcap extract --input_json dataset_flickr8k.json --images_root images
    --model mobilenetv2 --output flickr8k.h5
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from imcap.cli.flags import PictureFlags
from imcap.cli.outputs import check_outputs
from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.files import read_json
from imcap.options import option
from imcap.runs.pretrained import CAPTIONER, encoder_weights, is_pretrained


@dataclasses.dataclass(frozen=True)
class ExtractConfig(PictureFlags):
    """Turns pictures into features, once, for all later training.

    Stops and continues: the same command again takes up where an earlier
    one was killed. Pictures that cannot be read are listed, with the
    reason, in bad_images.json beside the output (bad_views.json of crops).
    """

    input_json: str | None = option(
        None,
        "caption file that lists the pictures, any known format; or "
        "SPLIT=FILE of several",
        several=True,
        heading="Pictures",
    )
    images: str | None = option(
        None, "folder or archive of pictures, instead of --input_json"
    )
    images_root: str = option(
        "",
        "folder that the names in --input_json start from; none is "
        "needed where it holds the pictures itself",
    )
    output: str | None = option(
        None,
        "the HDF5 feature file to write",
        heading="What is written",
    )
    output_dir: str | None = option(
        None, "write OUTPUT_DIR_fc/ID.npy and OUTPUT_DIR_att/ID.npz instead"
    )
    model: str = option(
        "resnet101",
        "a network of keras.applications, efficientnet_lite0 to lite4, or "
        "kerashub:PRESET",
        heading="The network",
    )
    weights: str = option(
        "imagenet",
        "imagenet, random, pretrained (the network of the captioner that "
        "ships), or the path of a weights file",
    )
    preprocessing: str | None = option(
        None,
        "what pixels become: RGB as they are, minus the mean as BGR, -1..1, "
        "standardised, or minus 127 over 128; default: the network's own",
        choices=("none", "caffe", "tf", "torch", "lite"),
    )
    layer: str | None = option(
        None,
        "layer to tap, or several of one grid with commas between; "
        "default: the last activation map",
    )
    image_size: int | None = option(
        None, "side in pixels that pictures get; default: the network's own"
    )
    att_size: int | None = option(
        None, "average the map to ATT_SIZE x ATT_SIZE; default: keep it"
    )
    batch_size: int = option(
        32,
        "pictures at a time",
        heading="Reading",
    )
    dtype: str = option(
        "float16", "type of the features in HDF5",
        choices=("float16", "float32"),
    )  # fmt: skip
    replace: tuple[str, ...] = option(
        (), "id=path: read this picture for that id", many=True
    )
    workers: int = option(2, "threads that decode pictures")
    augment: int = option(
        0,
        "instead of the pictures, so many random crops of each (of a caption "
        "file, of each training picture), half of them mirrored; for "
        "--augmented_features",
    )
    seed: int = option(123, "of the crops")


@dataclasses.dataclass(frozen=True)
class ExtractResult:
    """Result of an extraction; as a path it is that of the features.

    Attributes:
        path: the HDF5 file, or where the names of the folders start.
        pictures: how many have features.
        shape: (K, D) of each.
        left_out: list of {"id", "file", "reason"} of the others, as
            bad_images.json has them.
    """

    path: Path
    pictures: int
    shape: tuple[int, int]
    left_out: list[dict[str, Any]]

    def __fspath__(self) -> str:
        return str(self.path)


def check_sizes(config: ExtractConfig) -> None:
    """Refuses numbers that no picture could have."""
    sizes = ("image_size", "att_size", "batch_size", "max_pixels", "workers")
    for name in sizes:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: give a number from 1 up")
    if config.augment and config.output_dir:
        raise InputError("--augment writes one file: give --output")
    for name in ("augment", "seed"):
        if getattr(config, name) < 0:
            raise InputError(f"--{name} {getattr(config, name)}: not below 0")


def check_network(config: ExtractConfig) -> None:
    """Refuses the weights that ship for another network than theirs."""
    if not is_pretrained(config.weights):
        return
    known = read_json(CAPTIONER / "features.json")["encoder"]["name"]
    if config.model.replace("_", "").lower() != known.lower():
        raise InputError(
            f"--weights pretrained are those of {known}, not of "
            f"{config.model}; give --model {known}"
        )


def extract(config: ExtractConfig) -> ExtractResult:
    """Runs one extraction from start, or from where it stopped, to end."""
    from imcap.vision.extraction import (
        PictureEncoder,
        describe,
        extract_features,
        list_images,
        load_backbone,
        open_writer,
        report_bad,
    )

    check_sizes(config)
    check_network(config)
    if (config.output is None) == (config.output_dir is None):
        raise InputError("give either --output or --output_dir")
    check_outputs(None, config.output, config.output_dir)
    images = list_images(
        config.input_json, config.images, config.images_root, config.replace,
        config.augment, config.seed,
    )  # fmt: skip
    backbone = load_backbone(
        config.model, encoder_weights(config.weights), config.layer,
        config.image_size,
        config.preprocessing,
    )  # fmt: skip
    encoder = PictureEncoder(
        backbone, backbone.image_size, cells=config.att_size
    )
    metadata = describe(encoder, config.augment, config.seed)
    writer = open_writer(
        images, metadata, config.output, config.output_dir, config.dtype
    )
    with writer:
        refused = extract_features(
            images, writer, encoder, encoder.size, config.batch_size,
            config.max_pixels, config.workers,
        )  # fmt: skip
        target = Path(str(config.output or config.output_dir))
        name = "bad_views.json" if config.augment else "bad_images.json"
        left_out = report_bad(target.parent / name, images, refused)
        if len(refused) == len(images):
            writer.discard()
            row, reason = refused[0]
            raise InputError(
                f"none of the {len(images)} pictures can be used; the first, "
                f"{images.paths[row]}: {reason}"
            )
        writer.mark_bad([row for row, _ in refused])
        writer.finish()
    count = len(images) - len(refused)
    print(f"{target}: {count} pictures")
    height, width = metadata["grid"]
    shape = (height * width, metadata["channels"])
    return ExtractResult(target, count, shape, left_out)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command("extract", ExtractConfig, extract, arguments)


if __name__ == "__main__":
    sys.exit(main())

"""`imcap extract`: pictures in, a file of features out.

imcap extract --input_json dataset_flickr8k.json --images_root images
    --model mobilenetv2 --output flickr8k.h5
"""

import dataclasses
import sys
from pathlib import Path

from imcap.config import option, quiet_start, run_command
from imcap.data.errors import InputError
from imcap.data.files import write_json
from imcap.data.views import picture_id


@dataclasses.dataclass(frozen=True)
class ExtractConfig:
    """Turns pictures into features, once, for all later training.

    Stops and continues: the same command again takes up where an earlier
    one was killed. Pictures that cannot be read are listed, with the
    reason, in bad_images.json beside the output (bad_views.json of crops).
    """

    input_json: str | None = option(
        None, "caption file that lists the pictures, any known format"
    )
    images: str | None = option(
        None, "folder of pictures, instead of --input_json"
    )
    images_root: str = option(
        "", "folder that the names in --input_json start from"
    )
    output: str | None = option(None, "the HDF5 feature file to write")
    output_dir: str | None = option(
        None, "write OUTPUT_DIR_fc/ID.npy and OUTPUT_DIR_att/ID.npz instead"
    )
    model: str = option("resnet101", "a network of keras.applications")
    weights: str = option(
        "imagenet", "imagenet, random, or the path of a weights file"
    )
    layer: str | None = option(
        None,
        "layer to tap, or several of one grid with commas between; "
        "default: the last activation map",
    )
    image_size: int = option(224, "side in pixels that pictures get")
    att_size: int | None = option(
        None, "average the map to ATT_SIZE x ATT_SIZE; default: keep it"
    )
    batch_size: int = option(32, "pictures at a time")
    dtype: str = option(
        "float16", "type of the features in HDF5",
        choices=("float16", "float32"),
    )  # fmt: skip
    replace: tuple[str, ...] = option(
        (), "id=path: read this picture for that id", many=True
    )
    max_pixels: int = option(
        89_478_485, "width times height above which a picture is refused"
    )
    workers: int = option(2, "threads that decode pictures")
    augment: int = option(
        0,
        "instead of the pictures, so many random crops of each (of a caption "
        "file, of each training picture), half of them mirrored; for "
        "--augmented_features",
    )
    seed: int = option(123, "of the crops")


def list_images(config):
    """The `ImageList` that a config asks for."""
    from imcap.data.captions import read_captions
    from imcap.data.image_list import ImageList

    if (config.input_json is None) == (config.images is None):
        raise InputError("give either --input_json or --images")
    if config.images is not None:
        images = ImageList.from_folder(config.images)
    else:
        with quiet_start():  # raw sentences go through TensorFlow
            captions = read_captions(config.input_json)
        if config.augment:
            captions = captions.split("train", "restval")
            if not len(captions):
                raise InputError(
                    f"{config.input_json}: no training pictures to crop"
                )
        images = ImageList.from_captions(
            captions.image_ids, captions.files, config.images_root
        )
    images = images.replaced(config.replace)
    if config.augment:
        return images.augmented(config.augment, config.seed)
    return images


def load_backbone(config):
    """The network; its ValueError lines become InputErrors."""
    with quiet_start():
        from imcap.models.encoders import build_backbone

    weights = None if config.weights == "random" else config.weights
    try:
        return build_backbone(
            config.model, weights, config.layer, config.image_size
        )
    except ValueError as error:
        raise InputError(str(error)) from None


def open_writer(config, images, metadata):
    """The writer for --output or --output_dir."""
    from imcap.data.feature_folder import FeatureFolderWriter
    from imcap.data.feature_writer import FeatureWriter

    if (config.output is None) == (config.output_dir is None):
        raise InputError("give either --output or --output_dir")
    grid = tuple(metadata["grid"])
    shape = (grid[0] * grid[1], metadata["channels"])
    if config.output_dir is not None:
        return FeatureFolderWriter(
            config.output_dir, images.image_ids, grid, metadata
        )
    return FeatureWriter(
        config.output, images.image_ids, images.files, shape, metadata,
        config.dtype,
    )  # fmt: skip


def describe(config, backbone):
    """What the feature file says of itself: a dict of JSON values."""
    from imcap.models.encoders import backbone_metadata

    metadata = backbone_metadata(backbone)
    if config.weights not in ("imagenet", "random"):
        # So that training can put the file into its run.
        metadata["weights_path"] = str(Path(config.weights).resolve())
    if config.att_size:
        metadata["att_size"] = config.att_size
        metadata["grid"] = [config.att_size, config.att_size]
    if config.augment:
        metadata["augment"] = [config.augment, config.seed]
    return metadata


def extractor(backbone, att_size=None):
    """Compiles pictures -> features.

    Returns:
        A function of (B, H, W, 3) float32 that gives features (B, K, D)
        and their mean over the whole map (B, D), both float32.
    """
    import tensorflow as tf

    from imcap.layers.adaptive_average_pooling import (
        adaptive_average_pooling,
    )

    size = backbone.image_size

    @tf.function(
        input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)]
    )
    def extract(pixels):
        grid = tf.cast(backbone(pixels, training=False), tf.float32)
        pooled = tf.reduce_mean(grid, axis=(1, 2))
        if att_size:
            grid = adaptive_average_pooling(grid, att_size)
        locations = grid.shape[1] * grid.shape[2]
        return tf.reshape(grid, (-1, locations, grid.shape[3])), pooled

    return extract


def extract_features(images, writer, extract, config):
    """Fills `writer` with every picture that is still pending.

    Returns:
        list of (row, reason): the pictures that cannot be used.
    """
    import numpy as np
    from tqdm import tqdm

    from imcap.data.image_batches import decoded_batches

    pending, refused = writer.pending(), []
    batches = decoded_batches(
        images, pending, config.image_size, config.batch_size,
        config.max_pixels, config.workers,
    )  # fmt: skip
    finished = len(images) - len(pending)
    with tqdm(total=len(images), initial=finished, unit="image") as progress:
        for rows, pixels, bad in batches:
            if rows:
                features, pooled = extract(np.stack(pixels))
                writer.write(rows, features.numpy(), pooled.numpy())
            refused.extend(bad)
            progress.update(len(rows) + len(bad))
    return refused


def report_bad(path, images, refused):
    """Writes bad_images.json; says in one line how many there are."""
    entries, total = {}, len(images)
    for row, reason in refused:
        name = images.image_ids[row]
        if images.views is not None:  # several of one picture
            name = picture_id(name)
        file = images.files[row]
        entries[name] = {"id": name, "file": file, "reason": reason}
    if images.views is not None:
        total = len({picture_id(name) for name in images.image_ids})
    write_json(path, list(entries.values()), indent=1)
    if entries:
        print(
            f"{len(entries)} of {total} pictures left out, see {path}; "
            "repair one with --replace id=path",
            file=sys.stderr,
        )


def check_sizes(config):
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


def run(config):
    """Runs one extraction from start, or from where it stopped, to end."""
    check_sizes(config)
    images = list_images(config)
    backbone = load_backbone(config)
    writer = open_writer(config, images, describe(config, backbone))
    with writer:
        extract = extractor(backbone, config.att_size)
        refused = extract_features(images, writer, extract, config)
        target = Path(config.output or config.output_dir)
        name = "bad_views.json" if config.augment else "bad_images.json"
        report_bad(target.parent / name, images, refused)
        if len(refused) == len(images):
            writer.discard()
            row, reason = refused[0]
            raise InputError(
                f"none of the {len(images)} pictures can be used; the first, "
                f"{images.paths[row]}: {reason}"
            )
        writer.mark_bad([row for row, _ in refused])
        writer.finish()
    print(f"{target}: {len(images) - len(refused)} pictures")


def main(arguments=None):
    """Entry point; returns the exit status."""
    return run_command("extract", ExtractConfig, run, arguments)


if __name__ == "__main__":
    sys.exit(main())

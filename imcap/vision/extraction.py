"""From pixels to features, by a picture network."""

import sys
from pathlib import Path

from imcap.data.pictures.crops import picture_id
from imcap.errors import InputError
from imcap.files import write_json
from imcap.startup import quiet_start


def list_images(config):
    """The `ImageList` that a config asks for."""
    from imcap.data.captions.reading import read_captions
    from imcap.data.pictures.listing import ImageList

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
        from imcap.models.backbones import build_backbone

    weights = None if config.weights == "random" else config.weights
    try:
        return build_backbone(
            config.model, weights, config.layer, config.image_size
        )
    except ValueError as error:
        raise InputError(str(error)) from None


def open_writer(config, images, metadata):
    """The writer for --output or --output_dir."""
    from imcap.data.features.folder_writer import FeatureFolderWriter
    from imcap.data.features.writer import FeatureWriter

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
    from imcap.models.backbones import backbone_metadata

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

    from imcap.layers.cnn.adaptive_average_pooling import (
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

    from imcap.data.pictures.batches import decoded_batches

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

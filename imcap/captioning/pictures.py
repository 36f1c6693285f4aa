"""Captions of pictures that lie in files."""

import numpy as np

from imcap.errors import InputError

BATCH = 16  # pictures at a time


class PictureReader:
    """Turns pictures into what a run's task takes.

    Args:
        run: a `Run`.
        task: its `CaptioningTask`.

    Raises:
        InputError: it is not known what made the run's features.

    Example:
        >>> inputs = PictureReader(run, task).inputs(pixels)
    """

    def __init__(self, run, task):
        metadata = run.encoder_metadata
        # A task with a CNN of its own takes pixels.
        self.encoder = None if task.encoder else run.build_encoder()
        self.size = metadata["image_size"]
        self.cells = metadata.get("att_size")
        self.grid = tuple(metadata["grid"])
        self.wanted = task.captioner.wanted_positions
        self.num_grids = run.config.num_grids

    def pixels(self, path):
        """One picture as the network wants it, (size, size, 3)."""
        from imcap.data.pictures.decoding import load_pixels

        return load_pixels(path, self.size, self.size)

    def inputs(self, pixels):
        """Inputs of the task from B pictures."""
        images = np.stack(pixels)  # (B, H, W, 3)
        if self.encoder is None:
            return {"images": images} | self.where(len(images))
        maps = self.encoder.predict_on_batch(images)  # (B, h, w, D)
        if self.cells:
            from imcap.layers.cnn.adaptive_average_pooling import (
                adaptive_average_pooling,
            )

            maps = np.asarray(adaptive_average_pooling(maps, self.cells))
        features = maps.reshape(len(maps), -1, maps.shape[-1])
        return {"features": features} | self.where(len(maps))

    def where(self, count):
        """Positions (count, K, P), where the captioner asks for them."""
        from imcap.data.features.boxes import grid_positions

        if self.wanted is None:
            return {}
        positions = grid_positions(self.wanted, self.grid, self.num_grids)
        return {"positions": np.stack([positions] * count)}


def read_batches(reader, paths, refuse):
    """Yields paths and their pixels, a few at a time.

    Args:
        reader: a `PictureReader`.
        paths: list of paths.
        refuse: function of (path, reason), for what cannot be read.
    """
    good, pixels = [], []
    for path in paths:
        try:
            pixels.append(reader.pixels(path))
            good.append(path)
        except InputError as error:
            refuse(path, str(error))
        if len(good) == BATCH:
            yield good, pixels
            good, pixels = [], []
    if good:
        yield good, pixels


def caption_pictures(config, run, paths, refuse):
    """Yields (path, list of `Caption`, grid) for each readable picture."""
    from imcap.captioning.generation import generate

    if not any(path.exists() for path in paths):
        for path in paths:
            refuse(path, f"{path}: no such file")
        return  # before anything slow
    task = run.task(config.checkpoint)
    reader = PictureReader(run, task)
    generator = config.make_generator(task, run)
    for good, pixels in read_batches(reader, paths, refuse):
        found = generate(
            generator,
            run.vocabulary,
            [reader.inputs(pixels)],
            keep_attention=True,
        )
        for path, captions in zip(good, found, strict=True):
            yield path, captions, reader.grid

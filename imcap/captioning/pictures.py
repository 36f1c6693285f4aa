"""Captioning of picture files, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.data.archives.places import picture_exists
from imcap.errors import InputError
from imcap.vision.extraction import PictureEncoder
from imcap.vision.picture_lists import BATCH

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.decoding_settings import DecodingSettings
    from imcap.captioning.run import CaptionerRun
    from imcap.training.task import CaptioningTask

Refuse = Callable[[Path, str], None]


class PictureReader:
    """Turns pictures into what a run's task takes.

    Args:
        run: a `CaptionerRun`.
        task: its `CaptioningTask`.

    Attributes:
        encoder: the `PictureEncoder`.

    Raises:
        InputError: it is not known what made the run's features.

    Example:
        >>> inputs = PictureReader(run, task).inputs(pixels)
    """

    def __init__(self, run: CaptionerRun, task: CaptioningTask):
        self.encoder = PictureEncoder.from_run(run, task.encoder)
        # A task with a CNN of its own takes pixels.
        self.takes_pixels = task.encoder is not None
        self.size = self.encoder.size
        self.grid = self.encoder.grid
        self.wanted = task.captioner.wanted_positions
        self.num_grids = run.config.num_grids

    def pixels(self, picture: Any) -> np.ndarray:
        """One picture as the network wants it, (size, size, 3)."""
        return self.encoder.read(picture)

    def inputs(self, pixels: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Inputs of the task from B pictures."""
        images = np.stack(pixels)  # (B, H, W, 3)
        if self.takes_pixels:
            return {"images": images} | self.position_inputs(len(images))
        features, _ = self.encoder(images)
        return {"features": features} | self.position_inputs(len(images))

    def position_inputs(self, count: int) -> dict[str, np.ndarray]:
        """Positions (count, K, P), where the captioner asks for them."""
        if self.wanted is None:
            return {}
        positions = self.encoder.positions(self.wanted, self.num_grids)
        return {"positions": np.stack([positions] * count)}


def read_batches(
    reader: PictureReader, paths: Iterable[Path], refuse: Refuse
) -> Iterator[tuple[list[Path], list[np.ndarray]]]:
    """Yields paths and their pixels, a few at a time.

    Args:
        reader: a `PictureReader`.
        paths: list of paths.
        refuse: function of (path, reason), for what cannot be read.
    """
    good: list[Path] = []
    pixels: list[np.ndarray] = []
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


def caption_pictures(
    run: CaptionerRun,
    paths: Sequence[Path],
    decoding: DecodingSettings,
    checkpoint: str,
    refuse: Refuse,
) -> Iterator[tuple[Path, list[Caption], tuple[int, ...]]]:
    """Yields (path, list of `Caption`, grid) for each readable picture.

    Args:
        run: the `CaptionerRun`.
        paths: of pictures.
        decoding: `DecodingSettings`.
        checkpoint: "best" or "last", which weights.
        refuse: function of (path, reason), for what cannot be read.
    """
    from imcap.captioning.generation import generate, make_generator

    if not any(picture_exists(path) for path in paths):
        for path in paths:
            refuse(path, f"{path}: no such file")
        return  # before anything slow
    task = run.task(checkpoint)
    reader = PictureReader(run, task)
    generator = make_generator(task, run, decoding, checkpoint)
    for good, pixels in read_batches(reader, paths, refuse):
        every = generate(
            generator,
            run.vocabulary,
            [reader.inputs(pixels)],
            keep_attention=True,
        )
        for path, captions in zip(good, every, strict=True):
            yield path, captions, reader.grid

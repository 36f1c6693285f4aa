"""Random resized crops, the augmentation of pictures."""

from typing import NamedTuple

import numpy as np

# Shares of a picture's area, and ratios of a crop's sides to the picture's.
AREAS = (0.5, 1.0)
RATIOS = (0.8, 1.25)


class Crop(NamedTuple):
    """A crop: a part of a picture, perhaps mirrored.

    Numbers are shares of the picture, 0..1, from its upper left corner.
    """

    top: float
    left: float
    height: float
    width: float
    mirrored: bool


def random_crop(rng: np.random.Generator) -> Crop:
    """Draws a random resized crop, mirrored half the time.

    Its area is uniform in `AREAS`, the logarithm of its ratio in `RATIOS`,
    its place anywhere in the picture; a side longer than the picture's is
    cut, which takes a little of the largest areas.

    Args:
        rng: `numpy.random.Generator`.

    Returns:
        A `Crop`.

    Reference:
        Szegedy et al., 2015, "Going deeper with convolutions", section 6;
        areas begin at one half here, where they do at .08 there, for a
        caption speaks of the whole picture.
    """
    area = rng.uniform(*AREAS)
    ratio = np.exp(rng.uniform(*np.log(RATIOS)))
    height = min(1.0, float(np.sqrt(area / ratio)))
    width = min(1.0, float(np.sqrt(area * ratio)))
    top, left = (rng.uniform(0, 1 - side) for side in (height, width))
    return Crop(
        float(top), float(left), height, width, bool(rng.random() < 0.5)
    )


def crop_id(image_id: int | str, number: int) -> str:
    """The id of crop `number` of a picture in a feature file."""
    return f"{image_id}#{number}"


def picture_id(name: int | str) -> str:
    """The id of the picture in what `crop_id` made."""
    return str(name).rpartition("#")[0]

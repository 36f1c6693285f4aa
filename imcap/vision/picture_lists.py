"""Lists of pictures from arguments that may be one picture or several."""

import os
from typing import Any

import numpy as np

BATCH = 16  # pictures at a time


def is_many(images: Any) -> bool:
    """Whether it is several pictures: a list, a tuple, an array of rank 4."""
    if isinstance(images, (str, bytes, os.PathLike)):
        return False
    return isinstance(images, (list, tuple)) or np.ndim(images) == 4


def as_list(images: Any) -> list[Any]:
    """A list of pictures, from several or one."""
    return list(images) if is_many(images) else [images]

"""Arrays as pictures: which shapes and which numbers are meant.

The rule for shapes: (H, W), (H, W, C), or (C, H, W) with H and W above 4;
C = 1, 3 or 4.

The rule for floats goes by their least and greatest value: 0..1, -1..1 with
something below -0.5, or 0..255 with something above 4. Everything else is
refused, as it could be several things: normalised by the mean and deviation
of ImageNet, or 0..1 that a cubic resize overshot.
"""

from typing import Any

import numpy as np

from imcap.data.pictures.depth import to_eight_bits
from imcap.errors import InputError

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
ROUNDING = 0.01  # how far from 0..1 and -1..1 float16 may take values
OVERSHOT = 0.5  # the same of 0..255
LEAST_SIGNED = -0.5  # -1..1 has something darker than this
LEAST_BRIGHT = 4.0  # 0..255 has something brighter than this
LARGEST_INTEGER = 65_535
SHAPES = (
    "give (H, W), (H, W, C) or (C, H, W) numbers, C = 1, 3 or 4, one picture "
    "at a time or in a list"
)
RANGES = "give 0..255, or floats in 0..1 or -1..1"


def as_array(values: Any, name: str) -> np.ndarray:
    """Anything that NumPy takes as an array of bool, int, uint or float.

    Args:
        values: array, tensor of TensorFlow, JAX or PyTorch, or nested lists.
        name: what to call it in messages.

    Raises:
        InputError: of another type, ragged, or on a device that NumPy cannot
            read.
    """
    try:
        array = np.asarray(values)
    except Exception as error:  # each library raises its own
        raise InputError(
            f"{name}: not an array of numbers ({error}); {SHAPES}"
        ) from None
    if array.dtype.name == "bfloat16":
        array = array.astype("float32")
    if array.dtype.kind not in "buif":
        raise InputError(f"{name}: not a picture; {SHAPES}")
    return array


def as_pixels(values: Any, name: str) -> np.ndarray:
    """One picture as uint8 (H, W), (H, W, 3) or (H, W, 4).

    Args:
        values: see `as_array`; shapes and ranges are those of the module.
        name: what to call it in messages.

    Raises:
        InputError: a shape or numbers that cannot be meant.
    """
    array = as_array(values, name)
    if not array.size:
        raise InputError(f"{name}: not a picture, but empty; {SHAPES}")
    if array.ndim == 3 and array.shape[2] not in CHANNELS:
        is_first = array.shape[0] in CHANNELS and min(array.shape[1:]) > 4
        if not is_first:
            raise InputError(f"{name}: not a picture; {SHAPES}")
        array = np.moveaxis(array, 0, 2)  # channels first
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3):
        raise InputError(f"{name}: not a picture; {SHAPES}")
    return np.ascontiguousarray(as_uint8(array, name))


def as_rgb(values: Any, name: str) -> np.ndarray:
    """One picture as uint8 (H, W, 3), transparent parts on white.

    Args:
        values: see `as_pixels`; a PIL image too.
        name: what to call it in messages.
    """
    pixels = as_pixels(values, name)
    if pixels.ndim == 2:
        return np.stack([pixels] * 3, axis=2)
    if pixels.shape[2] == 3:
        return pixels
    color, alpha = pixels[..., :3], pixels[..., 3:] / 255.0
    return np.rint(color * alpha + 255.0 * (1.0 - alpha)).astype("uint8")


def as_uint8(array: np.ndarray, name: str) -> np.ndarray:
    """Numbers of any type and shape as uint8, by the module's rule.

    Args:
        array: bool, int, uint or float; all of it is of one range.
        name: what to call it in messages.

    Raises:
        InputError: numbers that cannot be meant.
    """
    if array.dtype == np.uint8 or not array.size:
        return array.astype("uint8")
    if array.dtype.kind == "b":
        return array * np.uint8(255)
    if array.dtype.kind == "f":
        return scale_floats(array, name)
    least, largest = int(array.min()), int(array.max())
    if least < 0 or largest > LARGEST_INTEGER:
        raise _out_of_range(name, least, largest)
    return scale_integers(array, largest, name)


def scale_integers(array: np.ndarray, largest: int, name: str) -> np.ndarray:
    """Integers from 0 up as uint8, by the depth that holds the largest."""
    # Wide integers that fit in 8 bits are no guess, but how NumPy counts.
    narrow = array.dtype.itemsize > 2 and largest <= 255
    return to_eight_bits(array, 8 if narrow else 0, name)


def scale_floats(array: np.ndarray, name: str) -> np.ndarray:
    """Floats as uint8, by the module's rule.

    Whole numbers above 255 are integers of more than 8 bits.

    Raises:
        InputError: NaN, infinite, or of a range that cannot be meant.
    """
    values = array.astype("float64")
    unusable = int(np.count_nonzero(~np.isfinite(values)))
    if unusable:
        raise InputError(
            f"{name}: {unusable} of its {values.size} numbers are NaN or "
            "infinite; repair what computed them, or np.nan_to_num"
        )
    least, largest = float(values.min()), float(values.max())
    if least >= -ROUNDING and largest <= 1.0 + ROUNDING:
        values = values * 255.0
    elif -1.0 - ROUNDING <= least < LEAST_SIGNED and largest <= 1.0 + ROUNDING:
        values = (values + 1.0) * 127.5
    elif least >= 0 and 255 < largest <= LARGEST_INTEGER and is_whole(values):
        return scale_integers(values.astype("int64"), int(largest), name)
    elif least < -OVERSHOT or not LEAST_BRIGHT < largest <= 255 + OVERSHOT:
        raise _out_of_range(name, least, largest)
    return np.clip(np.round(values), 0, 255).astype("uint8")


def is_whole(values: np.ndarray) -> bool:
    """Whether all are whole numbers."""
    return bool((values == np.round(values)).all())


def _out_of_range(name: str, least: float, largest: float) -> InputError:
    """What to say of numbers that could be anything."""
    remedy = f"{RANGES}; undo a normalisation first"
    if -1.0 <= least < 0 and largest <= 2.0:
        remedy = (
            "that may be 0..1 or -1..1; np.clip(picture, 0, 1) if it is the "
            "first, (picture + 1) / 2 if it is the second"
        )
    return InputError(
        f"{name}: numbers from {least:.4g} to {largest:.4g}, which may be "
        f"several things; {remedy}"
    )

"""From samples of any depth to 8 bits.

Files of 16 bits often hold fewer: scanners and cameras give 10, 12 or 14,
and some programs write 8. Where a file says its depth, that counts. Where it
does not, the depth is the smallest usual one that holds the largest value,
which is a guess and noted as such.
"""

import numpy as np

from imcap.data.pictures.remarks import remarks

DEPTHS = (8, 10, 12, 14, 16, 24, 32)  # bits that samples come in
FULL = 65_535  # white of 16 bits


def white_level(largest: float, declared: int = 0) -> int:
    """The value of white.

    Args:
        largest: of the samples.
        declared: bits that the file says; 0 where it says nothing.

    Returns:
        2 to the power of the depth, less 1. Samples that exceed the
        declared depth were scaled to 16 bits already.
    """
    if declared:
        level = 2**declared - 1
        return level if largest <= level else max(FULL, white_level(largest))
    for bits in DEPTHS:
        if largest < 2**bits:
            return 2**bits - 1
    return 2 ** DEPTHS[-1] - 1


def to_eight_bits(
    samples: np.ndarray, declared: int = 0, name: str = ""
) -> np.ndarray:
    """Scales whole numbers of more than 8 bits to 0..255.

    Args:
        samples: (H, W) or (H, W, C) integers; C = 2 or 4 has alpha last,
            which is scaled by itself.
        declared: bits that the file says; 0 where it says nothing.
        name: of the picture, for the note on a guess; "" notes nothing.

    Returns:
        Array of the same shape, uint8, rounded to the nearest.
    """
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        color = to_eight_bits(samples[..., :-1], declared, name)
        alpha = to_eight_bits(samples[..., -1:], declared)
        return np.concatenate([color, alpha], axis=2)
    largest = int(samples.max(initial=0))
    white = white_level(largest, declared)
    if name and largest and not declared and white < FULL:
        remarks.guess_depth(name, white.bit_length())
    samples = np.clip(samples, 0, white)
    if white > FULL:
        scaled = np.round(samples.astype("float64") * (255 / white))
        return scaled.astype("uint8")
    levels = np.arange(white + 1, dtype="int64")
    table = ((levels * 255 + white // 2) // white).astype("uint8")
    return table[samples]

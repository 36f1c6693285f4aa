"""Attention as heatmaps over a picture: arrays in, arrays out."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DIM = 0.25  # brightness left where nobody looks


GLOW = np.array([255.0, 160.0, 30.0])  # laid over what is looked at


SHARPEST = 256  # pixels of the shorter side for a heatmap to look smooth


# What stands against the picture, and how the two shares are called.
SHARES = {"sentinel": ("visual", "sentinel"), "gate": ("gate open", "shut")}


@dataclasses.dataclass(frozen=True)
class WordAttention:
    """The attention of L words, whatever the captioner.

    Attributes:
        weights: float array (L, H, K) over locations, H = 1 where there are
            no heads; None where there are no locations.
        share: float array (L,) in 0..1, how much came from the picture; None
            where that is not known.
        names: what to call the share and the rest of it; empty without it.
        channels: float array (L, C) of channel weights, or None.
    """

    weights: np.ndarray | None
    share: np.ndarray | None
    names: tuple[str, str]
    channels: np.ndarray | None


def parse_attention(
    words: Sequence[str], attention: Mapping[str, Any]
) -> WordAttention:
    """The attention of L words in one form, whatever the captioner.

    Args:
        words: of the caption.
        attention: dict as in `imcap.drawing.attention.draw_attention`.

    Raises:
        ValueError: nothing to draw, or shapes that do not belong together.
    """
    if not words:
        raise ValueError("there are no words to draw")
    parts = {
        name: _rows(name, attention[name], len(words), rank)
        for name, rank in (
            ("weights", 2), ("sentinel", 1), ("gate", 1), ("channels", 2)
        )
        if attention.get(name) is not None
    }  # fmt: skip
    weights, channels = parts.get("weights"), parts.get("channels")
    if weights is None and channels is None:
        raise ValueError("neither weights nor channels: nothing to draw")
    if weights is not None:
        heads = weights.reshape(*weights.shape[:2], -1)
        weights = np.moveaxis(heads, 2, 1)  # (L, H, K)
    share, names = None, ("", "")
    if "sentinel" in parts:
        share, names = 1.0 - parts["sentinel"], SHARES["sentinel"]
    elif "gate" in parts:
        share, names = parts["gate"], SHARES["gate"]
    return WordAttention(weights, share, names, channels)


def _rows(name: str, part: Any, count: int, rank: int) -> np.ndarray:
    """The rows of `count` words; one more, for the end, is left out."""
    part = np.asarray(part, dtype="float64")
    if part.ndim < rank:
        shape = "(T, K)" if rank == 2 else "(T,)"
        raise ValueError(f"{name} must be {shape}, got {part.shape}")
    if len(part) not in (count, count + 1):
        raise ValueError(
            f"{count} words, but {name} has {len(part)} rows; it needs one "
            "a word, and perhaps one for the end"
        )
    return part[:count]


def is_drawable(attention: Mapping[str, Any]) -> bool:
    """Whether there is anything in it for `parse_attention`."""
    return any(name in attention for name in ("weights", "channels"))


def enlarge_picture(image: Any) -> np.ndarray:
    """A uint8 array (H, W, 3), large enough for a smooth heatmap.

    Raises:
        ValueError: another shape.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be (H, W, 3), got {image.shape}")
    factor = max(-(-SHARPEST // min(image.shape[:2])), 1)
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def apply_heatmap(image: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """A picture under a heatmap: dimmed but for what is looked at.

    Args:
        image: array (H, W, 3), 0..255.
        heatmap: float array (H, W), 0..1.

    Returns:
        uint8 array (H, W, 3).
    """
    heatmap = heatmap[..., None]
    bright = image * (DIM + (1.0 - DIM) * heatmap)
    glow = 0.25 * heatmap
    return np.clip(bright * (1 - glow) + GLOW * glow, 0, 255).astype("uint8")


def make_heatmap(
    weights: np.ndarray,
    shape: Sequence[int],
    grid: Sequence[int] | None = None,
    boxes: Any = None,
) -> np.ndarray:
    """Attention weights (K,) as a heatmap over a picture.

    Args:
        weights: float array (K,).
        shape: of the picture, (H, W, …).
        grid: (h, w) with h · w = K; None for a square.
        boxes: array (K, 4) of x1, y1, x2, y2 as shares of the picture's
            width and height, instead of a grid.

    Returns:
        Float array (H, W), the largest 1.

    Raises:
        ValueError: K is neither the grid's nor the boxes'.
    """
    size = (shape[0], shape[1])
    if boxes is not None:
        heatmap = _from_boxes(weights, size, np.asarray(boxes, "float64"))
    else:
        heatmap = _from_grid(weights, size, grid)
    return np.clip(heatmap / max(heatmap.max(), 1e-9), 0.0, 1.0)


def _from_grid(
    weights: np.ndarray, size: tuple[int, int], grid: Sequence[int] | None
) -> np.ndarray:
    from PIL import Image

    side = math.isqrt(len(weights))
    height, width = grid or (side, side)
    if height * width != len(weights):
        raise ValueError(
            f"{len(weights)} locations are no grid of {height} x {width}"
        )
    cells = weights.reshape(height, width).astype("float32")
    smooth = Image.fromarray(cells).resize(
        (size[1], size[0]), Image.Resampling.BICUBIC
    )
    return np.maximum(np.asarray(smooth), 0.0)


def _from_boxes(
    weights: np.ndarray, size: tuple[int, int], boxes: np.ndarray
) -> np.ndarray:
    if boxes.shape != (len(weights), 4):
        raise ValueError(
            f"{len(weights)} locations, but boxes are {boxes.shape}"
        )
    heatmap = np.zeros(size)
    sides = np.array([size[1], size[0]] * 2)
    for weight, box in zip(weights, boxes, strict=True):
        left, top, right, bottom = np.round(box * sides).astype(int)
        part = heatmap[max(top, 0) : bottom, max(left, 0) : right]
        np.maximum(part, weight, out=part)
    return heatmap


def strongest_channels(channels: np.ndarray, count: int) -> np.ndarray:
    """Channels of most attention, the strongest of every word first.

    Args:
        channels: float array (L, C).
        count: int, how many to name.

    Returns:
        int array of at most `count` indices, ascending.
    """
    order = np.argsort(-channels, axis=1, kind="stable")  # (L, C)
    by_rank = order.T.ravel()  # every word's first, then every second, …
    first = np.unique(by_rank, return_index=True)[1]
    return np.sort(by_rank[np.sort(first)[:count]])


def count_half_mass(weights: np.ndarray) -> int:
    """How many channels together carry half of the weight.

    Args:
        weights: float array (C,), not negative.

    Returns:
        int, 1..C; about C / 2 where all channels weigh the same.
    """
    total = np.cumsum(np.sort(weights)[::-1])
    return int(np.searchsorted(total, total[-1] / 2 * (1 - 1e-9))) + 1

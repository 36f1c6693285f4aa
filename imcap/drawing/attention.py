"""Drawings of a caption's attention: a panel a word.

Everything here takes plain arrays and files and knows no model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from imcap.data.pictures.arrays import as_rgb
from imcap.drawing.figures import save_figure
from imcap.drawing.maps import (
    enlarge_picture,
    is_drawable,
    make_heatmap,
    parse_attention,
)
from imcap.drawing.panels import draw_heads, draw_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN_SIDE = 512  # longest side of the picture that attention is drawn on


class DrawnCaption(Protocol):
    """Caption to draw: words, and their attention."""

    @property
    def words(self) -> list[str]: ...

    @property
    def attention(self) -> dict[str, np.ndarray]: ...


def draw_attention(
    image: np.ndarray,
    words: Sequence[str],
    attention: Mapping[str, Any],
    path: str | Path,
    grid: Sequence[int] | None = None,
    boxes: Any = None,
    heads: bool = False,
) -> None:
    """Draws the attention of a caption: the picture once per word.

    Each panel is lit by its own word's weights, scaled to their maximum.
    Where there is a sentinel or a gate, the bar below says how much of the
    word came from the picture at all, and the less, the dimmer the light.
    Where channels were weighed, a table names the strongest of them.

    Args:
        image: array, RGB; see `imcap.data.pictures.arrays`.
        words: list of L str.
        attention: dict of what there is of
            weights (T, K) over locations, or (T, K, heads);
            sentinel (T,) in 0..1, the share that did not look;
            gate (T,) in 0..1, the share of what was seen that went in;
            channels (T, C), weights of feature channels.
            T is L, or L + 1 with a last row for the end.
        path: the PNG to write, whole or not at all.
        grid: (h, w) with h · w = K; None for a square.
        boxes: float array (K, 4) of x1, y1, x2, y2 in pixels of `image`,
            where locations are regions instead of grid cells.
        heads: bool, a row for each head below their mean, instead of the
            mean alone.

    Raises:
        ValueError: neither weights nor channels, or shapes that do not
            belong together.

    Example:
        >>> draw_attention(image, ["a", "dog"], {"weights": w}, "dog.png")
    """
    parsed = parse_attention(words, attention)
    picture = enlarge_picture(image := as_rgb(image, "image"))
    if boxes is not None:
        height, width = image.shape[:2]
        boxes = np.asarray(boxes) / [width, height, width, height]

    def heatmaps(weights: np.ndarray) -> list[np.ndarray]:  # (L, K)
        return [make_heatmap(w, picture.shape, grid, boxes) for w in weights]

    figure: Figure
    if parsed.weights is None:
        figure = draw_words(picture, words, parsed, [])
    else:
        mean = heatmaps(parsed.weights.mean(axis=1))
        if heads and parsed.weights.shape[1] > 1:
            by_head = np.moveaxis(parsed.weights, 1, 0)
            rows = [mean, *(heatmaps(head) for head in by_head)]
            figure = draw_heads(picture, words, parsed, rows)
        else:
            figure = draw_words(picture, words, parsed, mean)
    save_figure(figure, path, bbox_inches="tight")


def draw(
    path: Path,
    caption: DrawnCaption,
    grid: Sequence[int],
    folder: Path,
    taken: set[str],
    heads: bool = False,
) -> Path | None:
    """Draws the attention of a picture's caption into a folder.

    Args:
        path: the picture.
        caption: a `Caption`.
        grid: (h, w) of its attention.
        folder: for the drawing.
        taken: names already used; the new one is added.
        heads: whether each head is drawn by itself.

    Returns:
        Path of the drawing, None where there is nothing to draw.
    """
    from imcap.data.pictures.pillow_decoding import load_thumbnail

    if not caption.words or not is_drawable(caption.attention):
        return None
    picture = load_thumbnail(path, DRAWN_SIDE)
    name, number = path.stem, 2
    while name in taken:
        name, number = f"{path.stem}_{number}", number + 1
    taken.add(name)
    drawing = folder / f"{name}.png"
    draw_attention(
        picture, caption.words, caption.attention, drawing,
        grid=grid, heads=heads,
    )  # fmt: skip
    return drawing

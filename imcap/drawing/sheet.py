"""Contact sheet of a search: pictures, and each word's attention map."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.pictures.pillow_decoding import load_thumbnail
from imcap.drawing.figures import save_figure
from imcap.drawing.maps import apply_heatmap, make_heatmap

PANEL = 1.75  # inches


MOST_WORDS = 16  # of a sentence that are drawn


LONGEST = 18  # letters that fit above a panel


@dataclasses.dataclass(frozen=True)
class Hit:
    """One row of the sheet.

    Args:
        path: the picture.
        title: str, above the picture; the middle of long lines is left out.
        words: L str.
        attention: (L, K) float, where each word looks.
    """

    path: str | Path
    title: str
    words: Sequence[str]
    attention: np.ndarray


def draw_sheet(
    hits: Sequence[Hit],
    heading: str,
    grid: tuple[int, int],
    path: str | Path,
) -> None:
    """Draws a contact sheet: a row a hit, the picture and a panel a word.

    Args:
        hits: list of `Hit`, best first.
        heading: str, above everything.
        grid: (h, w) of the locations.
        path: the PNG to write, whole or not at all.
    """
    from matplotlib.figure import Figure

    columns = 1 + min(MOST_WORDS, max(len(hit.words) for hit in hits))
    size = (PANEL * columns, (PANEL + 0.45) * len(hits) + 0.6)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    axes = figure.subplots(len(hits), columns, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for hit, row in zip(hits, axes, strict=True):
        _draw_row(hit, row, grid)
    figure.suptitle(heading, fontsize=16).set_parse_math(False)
    save_figure(figure, path)


def _draw_row(hit: Hit, row: Any, grid: tuple[int, int]) -> None:
    picture = load_thumbnail(hit.path)
    _draw_panel(row[0], picture, hit.title, "#666666")
    for axis, word, weights in zip(
        row[1:], hit.words, hit.attention, strict=False
    ):
        heatmap = make_heatmap(np.asarray(weights), picture.shape, grid)
        _draw_panel(axis, apply_heatmap(picture, heatmap), word, "black")


def _draw_panel(axis: Any, picture: np.ndarray, title: str, color: str) -> None:
    axis.imshow(picture, interpolation="bilinear")
    lines = [_shorten(line) for line in title.split("\n")]
    axis.set_title("\n".join(lines), fontsize=10, color=color)
    axis.title.set_parse_math(False)


def _shorten(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    half = LONGEST // 2
    return f"{line[: half - 1]}…{line[-half:]}"

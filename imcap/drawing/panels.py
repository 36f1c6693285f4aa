"""Panels, bars and tables of `imcap.drawing.attention`.

Everything is placed in inches from the top left corner, so that no label
moves another.
"""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from imcap.drawing.maps import (
    WordAttention,
    apply_heatmap,
    count_half_mass,
    strongest_channels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 5


PANEL, HEAD_PANEL = 2.6, 1.5  # inches, how wide


GAP = 0.12


WORD, BAR, CELL = 0.34, 0.42, 0.27  # inches of height, what they hold with it


LOOKS, RELIES = "#e8890c", "#44546a"  # picture and the rest, in the bars


FAINT = "#666666"


TABLE = 8.0  # inches that a table of channels needs at least


FLAT = 3.0  # times the mean; below it, a table of channels stays pale


class WordFigure:
    """A figure, headed by the caption, on which places are inches.

    Args:
        words: of the caption.
        width: inches.
        height: inches below the heading.
    """

    def __init__(self, words: Sequence[str], width: float, height: float):
        from matplotlib.figure import Figure

        lines = textwrap.wrap(" ".join(words), int(7.5 * width))
        self.top = 0.28 * len(lines) + 0.06
        self.size = (width, height + self.top)
        self.figure = Figure(self.size, dpi=110)
        self.figure.text(
            0.5, 1, "\n".join(lines), fontsize=17, ha="center", va="top",
            parse_math=False,
        )  # fmt: skip

    def axis(
        self, left: float, top: float, width: float, height: float
    ) -> "Axes":
        """New axes, `top` inches below the heading."""
        across, down = self.size
        bottom = down - self.top - top - height
        return self.figure.add_axes(
            (left / across, bottom / down, width / across, height / down)
        )


def draw_words(
    picture: np.ndarray,
    words: Sequence[str],
    attention: WordAttention,
    heatmaps: Sequence[np.ndarray],
) -> "Figure":
    """The picture, a panel a word, and channels below.

    Args:
        picture: uint8 array (H, W, 3).
        words: L of them.
        attention: of the words.
        heatmaps: L float arrays (H, W), 0..1, or none.
    """
    columns = min(COLUMNS, len(words) + 1)
    height = PANEL * _aspect(picture)
    bar = BAR if attention.share is not None else 0.0
    step = (PANEL + GAP, WORD + height + bar + GAP)
    lines = math.ceil((len(heatmaps) + 1) / columns) if heatmaps else 1
    table = CELL * len(words) + 0.9 if attention.channels is not None else 0.0
    below = lines * step[1] if heatmaps else 0.0
    full = step[0] * columns
    if attention.channels is not None:
        full = max(full, TABLE + (0 if heatmaps else PANEL))
    sheet = WordFigure(words, full, max(below + table, step[1]))
    first = sheet.axis(0, WORD, PANEL, height)
    _panel(first, picture, "the picture", fontsize=13, color=FAINT)
    for number, (word, heatmap) in enumerate(
        zip(words, heatmaps, strict=False)
    ):
        line, column = divmod(number + 1, columns)
        left, top = column * step[0], line * step[1] + WORD
        axis = sheet.axis(left, top, PANEL, height)
        _heatmap_panel(axis, picture, heatmap, attention.share, number)
        _word(axis, word, 15)
        if attention.share is not None:
            place = (left, top + height + 0.07, PANEL, 0.16)
            _share_bar(sheet.axis(*place), attention, number, fontsize=10.5)
    if attention.channels is not None:
        left = 1.0 if heatmaps else PANEL + 1.2  # labels stand left of it
        width = full - left - 1.2
        place = (left, below + 0.6, width, CELL * len(words))
        _channel_table(sheet.axis(*place), words, attention.channels)
    return sheet.figure


def draw_heads(
    picture: np.ndarray,
    words: Sequence[str],
    attention: WordAttention,
    rows: Sequence[Sequence[np.ndarray]],
) -> "Figure":
    """A column a word; the mean of the heads, and a row for each.

    Args:
        picture, words, attention: as in `draw_words`.
        rows: 1 + H lists of L heatmaps (H, W), those of the mean first.
    """
    height = HEAD_PANEL * _aspect(picture)
    across, down = HEAD_PANEL + GAP / 2, height + GAP / 2
    begins = HEAD_PANEL + 0.4  # names of heads stand before it
    bar = BAR if attention.share is not None else GAP
    full = (begins + across * len(words), WORD + bar + down * len(rows))
    sheet = WordFigure(words, *full)
    first = sheet.axis(0, WORD, HEAD_PANEL, height)
    _panel(first, picture, "the picture", fontsize=13, color=FAINT)
    for line, heatmaps in enumerate(rows):
        top = WORD + line * down + (bar if line else 0)
        for number, heatmap in enumerate(heatmaps):
            left = begins + number * across
            axis = sheet.axis(left, top, HEAD_PANEL, height)
            _heatmap_panel(axis, picture, heatmap, attention.share, number)
            if not line:
                _word(axis, words[number], 9)
            if not line and attention.share is not None:
                place = (left, top + height + 0.05, HEAD_PANEL, 0.12)
                _share_bar(sheet.axis(*place), attention, number, fontsize=8)
            if not number:
                axis.text(
                    -0.05, 0.5, f"head {line}" if line else "mean",
                    rotation=90, va="center", ha="right", fontsize=12,
                    color=FAINT, transform=axis.transAxes,
                )  # fmt: skip
    return sheet.figure


def _aspect(picture):
    height, width = picture.shape[:2]
    return min(max(height / width, 0.4), 2.0)


def _panel(axis, picture, title="", **look):
    axis.set_axis_off()
    axis.imshow(picture, interpolation="bilinear")
    axis.set_title(title, pad=5, **look)


def _heatmap_panel(axis, picture, heatmap, share, number):
    strength = 1.0 if share is None else 0.3 + 0.7 * share[number]
    _panel(axis, apply_heatmap(picture, heatmap * strength))


def _word(axis, word, letters):
    """The word above its panel, smaller where it has more letters."""
    axis.set_title(
        word,
        fontsize=16 * min(1, letters / len(word)) if word else 16,
        fontweight="bold",
        parse_math=False,
        pad=5,
    )


def _share_bar(axis, attention, number, fontsize):
    """Share of the picture, then of the rest, and what they are called."""
    share = float(np.clip(attention.share[number], 0.0, 1.0))
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.barh([0], [share], 1, color=LOOKS)
    axis.barh([0], [1 - share], 1, left=[share], color=RELIES)
    for place, name, part, color in (
        ("left", attention.names[0], share, LOOKS),
        ("right", attention.names[1], 1 - share, RELIES),
    ):
        axis.annotate(
            f"{name} {part:.0%}", (place == "right", -0.5), (0, -2),
            textcoords="offset points", ha=place, va="top", color=color,
            fontsize=fontsize,
        )  # fmt: skip


def _channel_table(axis, words, channels):
    """Rows of words, columns of the channels that weigh most."""
    width = axis.get_position().width * axis.figure.get_figwidth()
    named = strongest_channels(channels, max(int(width / 0.6), 1))
    total = channels.shape[1]
    # Softmaxes sum to one, sigmoids do not: the mean is each word's own.
    times = channels[:, named] / np.maximum(
        channels.mean(axis=1, keepdims=True), 1e-12
    )
    brightest = max(times.max(), FLAT)
    axis.imshow(times, aspect="auto", cmap="YlOrBr", vmin=0, vmax=brightest)
    for row, column in np.ndindex(*times.shape):
        value = times[row, column]
        axis.text(
            column, row, f"{value:.1f}" if value < 9.95 else f"{value:.0f}",
            ha="center", va="center", fontsize=9,
            color="white" if value > 0.6 * brightest else "black",
        )  # fmt: skip
    axis.set_xticks(range(len(named)), named, fontsize=9, color=FAINT)
    longest = max(len(word) for word in words)
    axis.set_yticks(
        range(len(words)), words, fontsize=11 * min(1, 13 / max(longest, 1)),
        parse_math=False,
    )  # fmt: skip
    few = "all" if len(named) == total else f"the strongest {len(named)} of"
    axis.set_title(
        f"channel weights, 1 = the mean: {few} {total}", fontsize=12,
        color=FAINT, loc="left",
    )  # fmt: skip
    beside = axis.secondary_yaxis("right")
    half = [count_half_mass(row) for row in channels]
    beside.set_yticks(
        range(len(words)), [f"{n} ({n / total:.0%})" for n in half],
        fontsize=10, color=FAINT,
    )  # fmt: skip
    axis.annotate(
        "half lies on", (1, 1), (6, 6), xycoords="axes fraction",
        textcoords="offset points", fontsize=10, color=FAINT,
    )  # fmt: skip
    for each in (axis, beside):
        each.tick_params(length=0)
        each.spines[:].set_visible(False)

"""Pictures of what a captioner looked at, and of how it learnt.

Everything here takes plain arrays and files and knows no model.
"""

import json
import math
import warnings

import numpy as np

from imcap.data.errors import InputError
from imcap.data.files import written_whole

COLUMNS = 5
DIM = 0.25  # brightness left where nobody looks
GLOW = np.array([255.0, 160.0, 30.0])  # laid over what is looked at
LOOKS, RELIES = "#e8890c", "#44546a"  # picture and sentinel in the bars


def draw_attention(image, words, attention, path, grid=None, boxes=None):
    """Draws a picture and, once per word, where that word looked.

    Each panel is lit by its own word's weights, scaled to their maximum.
    Where there is a sentinel, the bar below says how much of the word came
    from the picture at all, and the less, the dimmer the light.

    Args:
        image: uint8 array (H, W, 3), RGB.
        words: list of L str.
        attention: dict of "weights" (T, K) or (T, K, …), of which further
            axes are averaged, and, where there is one, "sentinel" (T,) in
            0..1. T is L, or L + 1 with a last row for the end.
        path: the PNG to write, whole or not at all.
        grid: (h, w) with h · w = K; None for a square.
        boxes: float array (K, 4) of x1, y1, x2, y2 in pixels of `image`,
            where locations are regions instead of grid cells.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> draw_attention(image, ["a", "dog"], {"weights": w}, "dog.png")
    """
    from matplotlib.figure import Figure

    image = _checked_image(image)
    weights, sentinel = _checked_attention(words, attention)
    maps = [_heat(row, image.shape[:2], grid, boxes) for row in weights]
    columns = min(COLUMNS, len(words) + 1)
    rows = math.ceil((len(words) + 1) / columns)
    height, width = image.shape[:2]
    panel = 2.6 * min(max(height / width, 0.5), 1.8)  # inches
    figure = Figure(figsize=(2.7 * columns, (panel + 0.85) * rows), dpi=110)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    _panel(axes[0], image, "the picture")
    for number, (word, heat) in enumerate(zip(words, maps, strict=True)):
        axis = axes[number + 1]
        visual = 1.0 if sentinel is None else 1.0 - float(sentinel[number])
        light = lit(image, heat * (0.3 + 0.7 * visual))
        _panel(axis, light, word, bold=True)
        if sentinel is not None:
            _share_bar(axis, visual)
    title = figure.suptitle(
        "\n".join(_lines(" ".join(words), 22 * columns)), fontsize=17
    )
    title.set_parse_math(False)
    figure.tight_layout(h_pad=2.0 if sentinel is not None else 1.0)
    _save(figure, path)


def lit(image, heat):
    """The picture, dimmed but for what is looked at.

    Args:
        image: array (H, W, 3), 0..255.
        heat: float array (H, W), 0..1.

    Returns:
        uint8 array (H, W, 3).
    """
    heat = heat[..., None]
    bright = image * (DIM + (1.0 - DIM) * heat)
    glow = 0.25 * heat
    return np.clip(bright * (1 - glow) + GLOW * glow, 0, 255).astype("uint8")


def _checked_image(image):
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be (H, W, 3), got {image.shape}")
    shortest = min(image.shape[:2])
    if shortest >= 256:
        return image
    # So small a picture would be lit in blocks.
    factor = -(-256 // shortest)
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _checked_attention(words, attention):
    """Weights (L, K) and the sentinel's shares (L,) or None."""
    weights = np.asarray(attention["weights"], dtype="float64")
    if weights.ndim < 2:
        raise ValueError(f"weights must be (T, K), got {weights.shape}")
    weights = weights.reshape(*weights.shape[:2], -1).mean(axis=-1)
    sentinel = attention.get("sentinel")
    count = len(words)
    if not words:
        raise ValueError("there are no words to draw")
    for name, part in (("weights", weights), ("sentinel", sentinel)):
        if part is not None and len(part) not in (count, count + 1):
            raise ValueError(
                f"{count} words, but {name} has {len(part)} rows; it needs "
                "one a word, and perhaps one for the end"
            )
    if sentinel is not None:
        sentinel = np.asarray(sentinel, dtype="float64")[:count]
    return weights[:count], sentinel


def _heat(weights, shape, grid, boxes):
    """Weights (K,) spread over a picture: (H, W), largest 1."""
    if boxes is not None:
        heat = _from_boxes(weights, shape, np.asarray(boxes))
    else:
        heat = _from_grid(weights, shape, grid)
    return np.clip(heat / max(heat.max(), 1e-9), 0.0, 1.0)


def _from_grid(weights, shape, grid):
    from PIL import Image

    side = math.isqrt(len(weights))
    height, width = grid or (side, side)
    if height * width != len(weights):
        raise ValueError(
            f"{len(weights)} locations are no grid of {height} x {width}"
        )
    cells = weights.reshape(height, width).astype("float32")
    smooth = Image.fromarray(cells).resize(
        (shape[1], shape[0]), Image.Resampling.BICUBIC
    )
    return np.maximum(np.asarray(smooth), 0.0)


def _from_boxes(weights, shape, boxes):
    if boxes.shape != (len(weights), 4):
        raise ValueError(
            f"{len(weights)} locations, but boxes are {boxes.shape}"
        )
    heat = np.zeros(shape)
    for weight, box in zip(weights, boxes, strict=True):
        left, top, right, bottom = np.round(box).astype(int)
        part = heat[max(top, 0) : bottom, max(left, 0) : right]
        np.maximum(part, weight, out=part)
    return heat


def _panel(axis, image, title, bold=False):
    axis.imshow(image, interpolation="bilinear")
    axis.set_title(
        title,
        fontsize=16 if bold else 13,
        fontweight="bold" if bold else "normal",
        color="black" if bold else "#666666",
        parse_math=False,
    )


def _share_bar(axis, visual):
    """A bar below the panel: share of the picture, then of the sentinel."""
    place = {"transform": axis.transAxes, "clip_on": False}
    axis.barh(
        [-0.075], [visual], 0.07, color=LOOKS, align="center", **place
    )  # fmt: skip
    axis.barh(
        [-0.075], [1 - visual], 0.07, left=[visual], color=RELIES, **place
    )
    text = {"transform": axis.transAxes, "va": "top", "fontsize": 10.5}
    axis.text(0, -0.13, f"visual {visual:.0%}", color=LOOKS, **text)
    axis.text(
        1, -0.13, f"sentinel {1 - visual:.0%}", color=RELIES, ha="right", **text
    )


def _lines(text, width):
    import textwrap

    return textwrap.wrap(text, width)


def draw_learning_curves(metrics_path, path):
    """Draws a run's metrics.jsonl: loss, score, and what else was measured.

    Args:
        metrics_path: file of one JSON object an epoch.
        path: the PNG to write, whole or not at all.

    Raises:
        InputError: the file is missing, or holds no epochs.
    """
    from matplotlib.figure import Figure

    entries = read_metrics(metrics_path)
    panels = _curves(entries)
    figure = Figure(figsize=(5.2 * len(panels), 4.0), dpi=110)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for name in names:
            known = [e for e in entries if name in e]
            axis.plot(
                [e["epoch"] for e in known],
                [e[name] for e in known],
                "--" if name.endswith("shuffled") else "-",
                marker="o",
                markersize=4,
                linewidth=2,
                label=name.removeprefix("val_").replace("_", " "),
            )
        axis.set_title(title, fontsize=14)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.tight_layout()
    _save(figure, path)


def read_metrics(path):
    """The epochs of a metrics.jsonl, a list of dicts.

    Raises:
        InputError: missing, damaged or empty.
    """
    try:
        with open(path, encoding="utf-8") as file:
            entries = [json.loads(line) for line in file if line.strip()]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; train first") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON lines ({error})") from None
    if not entries or not all("epoch" in entry for entry in entries):
        raise InputError(f"{path}: it holds no epochs; train first")
    return entries


def _curves(entries):
    """Titles of panels and the names drawn in each."""
    names = list(dict.fromkeys(name for e in entries for name in e))
    score = [n for n in names if n.startswith("val_CIDEr")]
    rest = [n for n in names if n.startswith("val_") and n not in score]
    panels = {
        "loss": [n for n in ("loss", "val_loss") if n in names],
        "validation CIDEr": score,
        "validation": [n for n in rest if n != "val_loss"],
    }
    return {title: some for title, some in panels.items() if some}


def _save(figure, path):
    with warnings.catch_warnings(), written_whole(path) as beside:
        # A word in a script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(beside, format="png", bbox_inches="tight")

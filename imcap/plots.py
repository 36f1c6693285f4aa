"""Pictures of what a captioner looked at, and of how it learnt.

Everything here takes plain arrays and files and knows no model.
"""

import json
import warnings

import numpy as np

from imcap.attention_maps import checked_picture, heat_map, looked_at
from imcap.attention_plots import draw_heads, draw_words
from imcap.data.errors import InputError
from imcap.data.files import written_whole


def draw_attention(
    image, words, attention, path, grid=None, boxes=None, heads=False
):
    """Draws a picture and, once per word, where that word looked.

    Each panel is lit by its own word's weights, scaled to their maximum.
    Where there is a sentinel or a gate, the bar below says how much of the
    word came from the picture at all, and the less, the dimmer the light.
    Where channels were weighed, a table names the strongest of them.

    Args:
        image: uint8 array (H, W, 3), RGB.
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
    looked = looked_at(words, attention)
    picture = checked_picture(image)
    if boxes is not None:
        height, width = np.shape(image)[:2]
        boxes = np.asarray(boxes) / [width, height, width, height]

    def maps(weights):  # (L, K)
        return [heat_map(row, picture.shape, grid, boxes) for row in weights]

    if looked.heads is None:
        figure = draw_words(picture, words, looked, [])
    else:
        mean = maps(looked.heads.mean(axis=1))
        if heads and looked.heads.shape[1] > 1:
            each = [maps(head) for head in np.moveaxis(looked.heads, 1, 0)]
            figure = draw_heads(picture, words, looked, [mean, *each])
        else:
            figure = draw_words(picture, words, looked, mean)
    _save(figure, path)


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
    total = [n for n in names if n == "val_rsum"]
    own = {*score, *total, "val_loss"}
    rest = [n for n in names if n.startswith("val_") and n not in own]
    panels = {
        "loss": [n for n in ("loss", "val_loss") if n in names],
        "reward of samples": [n for n in ("reward", "baseline") if n in names],
        "validation CIDEr": score,
        "validation rsum": total,
        "validation": rest,
    }
    return {title: some for title, some in panels.items() if some}


def _save(figure, path):
    with warnings.catch_warnings(), written_whole(path) as beside:
        # A word in a script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(beside, format="png", bbox_inches="tight")

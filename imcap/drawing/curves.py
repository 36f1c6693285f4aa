"""Learning curves, drawn from metrics.jsonl."""

import json
from pathlib import Path
from typing import Any

from imcap.drawing.figures import save_figure
from imcap.errors import InputError
from imcap.files import read_text


def draw_learning_curves(metrics_path: str | Path, path: str | Path) -> None:
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
    save_figure(figure, path, bbox_inches="tight")


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """The epochs of a metrics.jsonl, a list of dicts.

    Raises:
        InputError: missing, damaged or empty.
    """
    try:
        lines = read_text(path, "train first").split("\n")
        entries = [json.loads(line) for line in lines if line.strip()]
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path}: not JSON lines ({error})") from None
    if not entries or not all("epoch" in entry for entry in entries):
        raise InputError(f"{path}: it holds no epochs; train first")
    return entries


def _curves(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Titles of panels and the names drawn in each."""
    names = list(dict.fromkeys(name for e in entries for name in e))
    score = [n for n in names if n.startswith("val_CIDEr")]
    total = [n for n in names if n == "val_rsum"]
    own = {*score, *total, "val_loss"}
    rest = [n for n in names if n.startswith("val_") and n not in own]
    panels: dict[str, list[str]] = {
        "loss": [n for n in ("loss", "val_loss") if n in names],
        "reward of samples": [n for n in ("reward", "baseline") if n in names],
        "validation CIDEr": score,
        "validation rsum": total,
        "validation": rest,
    }
    return {title: some for title, some in panels.items() if some}

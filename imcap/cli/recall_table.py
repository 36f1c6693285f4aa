"""The table of recalls that matching commands print."""

from typing import Any

DIRECTIONS = {
    "image_to_text": "image to text",
    "text_to_image": "text to image",
}
COLUMNS = ("R@1", "R@5", "R@10", "median", "mean")


def recall_table(metrics: dict[str, Any]) -> list[str]:
    """Lines of the table of recalls."""
    lines = [" " * 13 + "".join(f"{name:>8}" for name in COLUMNS)]
    for key, title in DIRECTIONS.items():
        cells = "".join(f"{metrics[key][name]:8.1f}" for name in COLUMNS)
        lines.append(f"{title:13}{cells}")
    line = f"rsum {metrics['rsum']:.1f}"
    if "images" in metrics:
        folds = metrics["folds"]
        of = f", mean of {folds} folds" if folds > 1 else ""
        line += (
            f" ({metrics['images']} images, {metrics['captions']} captions{of})"
        )
    lines.append(line)
    return lines

"""Matplotlib figures as files."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: "Figure", path: str | Path, **options: Any) -> None:
    """Writes a figure as a PNG, whole or not at all.

    Args:
        figure: of matplotlib.
        path: the PNG.
        **options: of `Figure.savefig`.
    """
    with warnings.catch_warnings(), atomic_write(path) as partial:
        # A word in a script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(partial, format="png", **options)

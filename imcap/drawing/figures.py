"""Matplotlib figures as files."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.files import atomic_write, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: "Figure", path: str | Path, **options: Any) -> None:
    """Writes a figure as a PNG, whole or not at all.

    Args:
        figure: of matplotlib.
        path: the PNG.
        **options: of `Figure.savefig`.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        # Names of files that are no UTF-8 cannot be drawn as they are.
        text.set_text(escape(text.get_text()))
    with warnings.catch_warnings(), atomic_write(path) as partial:
        # A word in a script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(partial, format="png", **options)

"""Drawings that a command makes as it goes, and what it says of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption


class Drawer:
    """Draws attention into a folder, and says where.

    Args:
        folder: for the drawings; None draws nothing.
        heads: whether each head is drawn by itself.
    """

    def __init__(self, folder: Path | None, heads: bool):
        self.folder = folder
        self.heads = heads
        self.taken: set[str] = set()
        self.drawn = 0
        self.problem: str | None = None

    def draw(
        self, path: Path, first: Caption, grid: tuple[int, ...]
    ) -> Path | None:
        """Draws one caption; None where there is nothing to draw."""
        if self.folder is None or self.problem:
            return None
        from imcap.drawing.attention import draw

        try:
            drawing = draw(
                path, first, grid, self.folder, self.taken, self.heads
            )
        except ModuleNotFoundError as error:
            self.problem = f"{error.name} is not installed"
            return None
        self.drawn += drawing is not None
        return drawing

    def report(self) -> None:
        """Prints where the drawings are, or why there are none."""
        if self.drawn:
            print(f"where each word looked: {self.folder}")
        elif self.folder is not None:
            reason = (
                self.problem or "empty captions, or a run without attention"
            )
            print(f"nothing drawn: {reason}", file=sys.stderr)

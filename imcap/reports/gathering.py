"""What reports gather before a page is written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from imcap.reports.cards import data_uri
from imcap.reports.templates import render

if TYPE_CHECKING:
    from imcap.runs.run import Run

# Told of the path of a picture that cannot be read, and of the reason.
Refuse = Callable[[Path, str], None]


def chosen_pictures(
    images: Sequence[str], count: int, refuse: Refuse
) -> list[Path]:
    """The first `count` pictures of --images; all where it is negative."""
    from imcap.data.pictures.listing import find_pictures

    paths, refused = find_pictures(images)
    for path, reason in refused:
        refuse(path, reason)
    return paths if count < 0 else paths[:count]


def learning_curves(run: Run) -> Markup:
    """HTML of a run's learning curves; empty where it has none.

    Args:
        run: curves are drawn where they are missing.
    """
    from imcap.runs.learning_curves import CURVES, LearningCurves

    path = run.path / CURVES
    if not path.exists():
        with contextlib.suppress(OSError):  # of a run that is read alone
            LearningCurves(run.path).draw()
    if not path.exists():
        return Markup()
    return render(
        "learning_curves.html",
        name=run.path.name,
        uri=data_uri(path.read_bytes(), "image/png"),
    )

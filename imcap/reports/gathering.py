"""What reports gather before a page is written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from imcap.data.captions.sources import first_file
from imcap.errors import InputError
from imcap.reports.cards import data_uri
from imcap.reports.templates import render

if TYPE_CHECKING:
    from imcap.runs.run import Run

# Told of the path of a picture that cannot be read, and of the reason.
Refuse = Callable[[Path, str], None]


def picture_paths(
    files: Sequence[str],
    input_json: str | None,
    images_root: str | None = None,
    trained_root: str = "",
    places: Sequence[Path | None] | None = None,
) -> list[Path]:
    """Where the pictures of a split lie.

    Args:
        files: names as the captions have them.
        input_json: path of the captions, given or of the training.
        images_root: their folder; None for that of the training, or the
            folder of the captions, whichever holds any of them.
        trained_root: their folder in the training.
        places: where the pictures are that the captions hold themselves.

    Raises:
        InputError: none of them does.
    """
    beside = first_file(input_json or "").parent
    roots: list[str | Path] = [trained_root, beside, beside / "images"]
    if images_root:
        roots = [images_root]
    from imcap.data.archives.places import picture_exists
    from imcap.data.pictures import listing

    for root in roots:
        paths = listing.picture_paths(root, files, places)
        if any(picture_exists(path) for path in paths):
            return paths
    raise InputError(
        f"{files[0]}: no such picture, nor any other of the split; give "
        "--images_root, the folder of the pictures"
    )


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

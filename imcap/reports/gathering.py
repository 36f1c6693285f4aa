"""What reports gather before a page is written."""

import sys
from pathlib import Path

from markupsafe import Markup

from imcap.errors import InputError
from imcap.reports.cards import data_uri
from imcap.reports.templates import render
from imcap.runs.kinds import is_matching


class Refusals:
    """Tells of what is left out, a line each, and keeps the reasons.

    Args:
        reasons: list to which they are added.
    """

    def __init__(self, reasons):
        self.reasons = reasons

    def __call__(self, path, reason):
        line = " ".join(reason.split())
        self.reasons.append(line)
        print(f"left out: {line}", file=sys.stderr)


def output_file(config):
    """Where the page goes."""
    if config.output:
        return Path(config.output)
    name = "pictures" if config.images else config.split
    if not is_matching(config.model):
        name = f"{name}_{config.decoding.label}"
    return Path(config.model) / "report" / f"{name}.html"


def picture_paths(config, trained, files):
    """Where the pictures of a split lie.

    Args:
        config: `ReportConfig`.
        trained: the config of the run's training.
        files: list of str, names as the captions have them.

    Returns:
        List of `Path`: below --images_root, or that of the training, or the
        folder of the captions, whichever holds any of them.

    Raises:
        InputError: none of them does.
    """
    captions = config.input_json or trained.input_json or ""
    beside = Path(captions).parent
    roots = [getattr(trained, "images_root", ""), beside, beside / "images"]
    if config.images_root:
        roots = [config.images_root]
    for root in map(Path, roots):
        paths = [root / name for name in files]
        if any(path.exists() for path in paths):
            return paths
    raise InputError(
        f"{files[0]}: no such picture, nor any other of the split; give "
        "--images_root, the folder of the pictures"
    )


def learning_curves(run) -> Markup:
    """HTML of a run's learning curves; empty where it has none.

    Args:
        run: a run; curves are drawn where they are missing.
    """
    from imcap.runs.learning_curves import CURVES, LearningCurves

    path = run.path / CURVES
    if not path.exists():
        LearningCurves(run.path).draw()
    if not path.exists():
        return Markup()
    return render(
        "learning_curves.html",
        name=run.path.name,
        uri=data_uri(path.read_bytes(), "image/png"),
    )

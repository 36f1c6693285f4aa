"""What reports gather before a page is written."""

import dataclasses
import sys
from pathlib import Path

from markupsafe import Markup

from imcap.captioning.evaluation import EvaluateConfig
from imcap.errors import InputError
from imcap.options import option
from imcap.reports.cards import data_uri
from imcap.reports.templates import render
from imcap.runs.kinds import is_matching


@dataclasses.dataclass(frozen=True)
class ReportConfig(EvaluateConfig):
    """Writes a page of pictures, captions, and what each word looked at.

    The file needs nothing besides itself. Pictures come from a split, with
    references and scores, or from --images. For runs of image-text matching
    it shows the captions that fit best, and the right ones. What cannot be
    read is reported and left out.
    """

    images: tuple[str, ...] = option(
        (), "pictures, or folders of them, instead of a split", many=True
    )
    references: str | None = option(
        None, "captions to compare with; with --images found by file name"
    )
    num_images: int = option(100, "pictures; -1: all", "val_images_use")
    metrics: tuple[str, ...] = option(
        ("Bleu", "METEOR", "ROUGE_L", "CIDEr"), "what to compute", many=True
    )
    captions: str | None = option(
        None, "for matching with --images: sentences, one a line; default: "
        "the captions of the split",
    )  # fmt: skip
    top: int = option(5, "for matching: best captions of each picture")
    output: str | None = option(
        None, "the HTML file; default: RUN/report/SPLIT_METHOD.html"
    )


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
        name = f"{name}_{method_name(config)}"
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


def method_name(config):
    """ "beam5", "greedy" or "sample3"."""
    method = config.method()
    count = {"beam": config.beam_size, "sample": config.sample_n}
    return f"{method}{count.get(method, '')}"


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

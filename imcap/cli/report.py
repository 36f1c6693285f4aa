"""`imcap report`: one HTML file to see what a run says and where it looked.

imcap report --model runs/adaptive --split test --num_images 100
imcap report --model runs/adaptive --images holiday --output holiday.html
"""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imcap.cli.evaluate import EvaluateConfig
from imcap.cli.outputs import check_outputs
from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.options import option
from imcap.runs.kinds import is_matching
from imcap.runs.pretrained import outputs
from imcap.startup import load_keras

if TYPE_CHECKING:
    from imcap.reports.cards import Card
    from imcap.reports.gathering import Refuse
    from imcap.reports.page import Page


@dataclasses.dataclass(frozen=True)
class ReportConfig(EvaluateConfig):
    """Writes a page of pictures, captions, and what each word looked at.

    The file needs nothing besides itself. Pictures come from a split, with
    references and scores, or from --images. For runs of image-text matching
    it shows the captions that fit best, and the right ones. What cannot be
    read is reported and left out.
    """

    model: str = option(
        "pretrained", "directory of a run; default: the captioner that ships",
        "run",
    )  # fmt: skip
    images: tuple[str, ...] = option(
        (),
        "pictures, or folders of them, instead of a split",
        many=True,
        heading="The page",
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


def report(config: ReportConfig) -> Path:
    """Runs the command; returns the path of the page."""
    if config.top < 1:
        raise InputError("--top starts from 1")
    config.evaluation.check()
    path = output_file(config)
    if path.is_dir():
        raise InputError(f"--output {config.output}: a folder; name a file")
    check_outputs(config.model, config.output)
    load_keras()
    from imcap.reports.page import write_page

    reasons: list[str] = []

    def refuse(_: Path, reason: str) -> None:
        reasons.append(" ".join(reason.split()))
        print(f"left out: {reasons[-1]}", file=sys.stderr)

    page, cards = gather(config, refuse)
    if not cards:
        why = f"; {reasons[0]}" if reasons else ""
        raise InputError(f"there is no picture to show{why}")
    write_page(page, cards, path)
    size = path.stat().st_size / 1e6
    print(f"{len(cards)} pictures in {path} ({size:.1f} MB)")
    return path


def gather(
    config: ReportConfig, refuse: "Refuse"
) -> tuple["Page", list["Card"]]:
    """What the page shows, of a captioner or of a matching run."""
    if is_matching(config.model):
        from imcap.matching.search import Searcher
        from imcap.reports.matching import report_matching

        return report_matching(
            Searcher(config.model, config.checkpoint),
            config.evaluation.data,
            refuse,
            config.images,
            config.captions,
            config.top,
        )
    from imcap.captioning.run import CaptionerRun
    from imcap.reports.captions import report_captions

    run = CaptionerRun.open(config.model)
    return report_captions(run, config.evaluation, refuse, config.images)


def output_file(config: ReportConfig) -> Path:
    """Path of the HTML file: --output, or its default."""
    if config.output:
        return Path(config.output)
    name = "pictures" if config.images else config.split
    if not is_matching(config.model):
        name = f"{name}_{config.decoding.label}"
    return outputs(config.model) / "report" / f"{name}.html"


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap report`; returns the exit status."""
    return run_command("report", ReportConfig, report, argv)


if __name__ == "__main__":
    sys.exit(main())

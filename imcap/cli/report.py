"""`imcap report`: one HTML file to see what a run says and where it looked.

imcap report --model runs/adaptive --split test --num_images 100
imcap report --model runs/adaptive --images holiday --output holiday.html
"""

import dataclasses
import sys

from imcap.cli.evaluate import EvaluateConfig
from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.options import option
from imcap.reports.gathering import Refusals, output_file
from imcap.runs.kinds import is_matching
from imcap.startup import load_keras


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


def report(config):
    """Runs the command; returns the path of the page."""
    if config.top < 1:
        raise InputError("--top starts from 1")
    config.evaluation.check()
    if output_file(config).is_dir():
        raise InputError(f"--output {config.output}: a folder; name a file")
    load_keras()
    from imcap.reports.page import write_page

    if is_matching(config.model):
        from imcap.reports.matching import gather
    else:
        from imcap.reports.captions import gather
    refused = []
    page, cards = gather(config, Refusals(refused))
    if not cards:
        why = f"; {refused[0]}" if refused else ""
        raise InputError(f"there is no picture to show{why}")
    path = output_file(config)
    write_page(page, cards, path)
    size = path.stat().st_size / 1e6
    print(f"{len(cards)} pictures in {path} ({size:.1f} MB)")
    return path


def main(argv=None):
    """Runs `imcap report`; returns the exit status."""
    return run_command("report", ReportConfig, report, argv)


if __name__ == "__main__":
    sys.exit(main())

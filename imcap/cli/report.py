"""`imcap report`: one HTML file to see what a run says and where it looked.

imcap report --model runs/adaptive --split test --num_images 100
imcap report --model runs/adaptive --images holiday --output holiday.html
"""

import sys

from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.reports.gathering import Refusals, ReportConfig, output_file
from imcap.runs.kinds import is_matching
from imcap.startup import load_keras


def report(config):
    """Runs the command; returns the path of the page."""
    if config.top < 1:
        raise InputError("--top starts from 1")
    config.check()
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

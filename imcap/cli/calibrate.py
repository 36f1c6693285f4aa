"""`imcap calibrate`: when a run says that it is not sure.

imcap calibrate --model runs/adaptive --precision 0.8
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imcap.captioning.evaluation import Evaluation
from imcap.captioning.split_data import SplitSettings
from imcap.cli.flags import DecodingFlags, part
from imcap.cli.parser import run_command
from imcap.data.captions.splits import SPLITS
from imcap.errors import InputError
from imcap.files import is_writable
from imcap.options import option
from imcap.startup import load_keras

if TYPE_CHECKING:
    from imcap.captioning.calibration import Calibrated


@dataclasses.dataclass(frozen=True)
class CalibrateConfig(DecodingFlags):
    """Finds out how sure a run can be of its captions, and keeps it with it.

    The captions of the split, decoded as the flags say, are compared with
    the references; a caption counts as right if they say at least half of
    it, words weighed by idf. Afterwards `imcap caption`, `imcap serve` and
    exports know a confidence, and captions below the threshold are declined.
    """

    split: str = option(
        "val",
        "pictures to calibrate on",
        choices=SPLITS,
        heading="Calibration",
    )
    input_json: str | None = option(
        None, "captions, or SPLIT=FILE of several; default: those of the "
        "training", several=True,
    )  # fmt: skip
    features: str | None = option(
        None, "feature file; default: that of the training"
    )
    beam_size: int = option(1, "beams; 1: greedy")
    decline: float = option(0.08, "share of the pictures that are declined")
    precision: float = option(
        0.0, "share of right captions among the others, instead"
    )
    batch_size: int = option(50, "pictures at a time", "bs")


def calibrate(config: CalibrateConfig) -> Calibrated:
    """Runs the command; returns what was measured."""
    for name in ("decline", "precision"):
        if not 0 <= getattr(config, name) < 1:
            raise InputError(f"--{name}: from 0, below 1")
    evaluation = Evaluation(
        SplitSettings(config.split, config.input_json, None, config.features),
        part(config, type(config.decoding)),
        config.checkpoint,
        config.batch_size,
        ("CIDEr",),
    )
    evaluation.check()
    path = config.run_path
    if Path(path).is_dir() and not is_writable(path):
        raise InputError(
            f"{path}: cannot be written, and the confidence of a "
            "run is kept in it; copy the run"
        )
    from imcap.captioning.run import CaptionerRun

    run = CaptionerRun.open(path)
    load_keras()
    from imcap.captioning.calibration import calibrate as calibrate_run

    found = calibrate_run(run, evaluation, config.decline, config.precision)
    print(
        f"below a confidence of {found.threshold:.3f}, {found.declined:.1%} "
        f"are declined; of the others {found.precision:.1%} are right, of all "
        f"{found.right:.1%}"
    )
    return found


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap calibrate`; returns the exit status."""
    return run_command("calibrate", CalibrateConfig, calibrate, argv)


if __name__ == "__main__":
    sys.exit(main())

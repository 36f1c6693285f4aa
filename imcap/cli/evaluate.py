"""`imcap evaluate`: captions of a split, and how good they are.

imcap evaluate --model runs/adaptive --split test --beam_size 5
"""

import dataclasses
import sys
from typing import Any

from imcap.captioning.evaluation import DEFAULT_METRICS, Evaluation
from imcap.captioning.split_data import SplitSettings
from imcap.cli.flags import CheckpointDecodingFlags, RunFlag, part
from imcap.cli.outputs import check_outputs
from imcap.cli.parser import run_command
from imcap.options import option
from imcap.startup import load_keras


@dataclasses.dataclass(frozen=True)
class EvaluationFlags(SplitSettings, CheckpointDecodingFlags):
    """Flags of an evaluation, whatever runs are evaluated."""

    batch_size: int = option(
        50,
        "pictures at a time",
        "bs",
        heading="Scores",
    )
    metrics: tuple[str, ...] = option(
        DEFAULT_METRICS, "what to compute", many=True
    )
    output: str | None = option(
        None, "folder for the results; default: RUN/evaluation/SPLIT_METHOD"
    )

    @property
    def evaluation(self) -> Evaluation:
        """What is evaluated, and how."""
        return Evaluation(
            part(self, SplitSettings),
            self.decoding,
            self.checkpoint,
            self.batch_size,
            self.metrics,
        )


@dataclasses.dataclass(frozen=True)
class EvaluateConfig(EvaluationFlags, RunFlag):
    """Captions the pictures of a split and scores them.

    Writes results.json (as COCO wants it), per_image.json, metrics.json and
    settings.json to the run's directory, or to --output. METEOR and SPICE
    need Java.
    """


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Runs the command; returns the dict of metrics."""
    config.evaluation.check()
    path = config.run_path
    check_outputs(path, config.output)
    from imcap.captioning.run import CaptionerRun

    run = CaptionerRun.open(path)
    load_keras()
    from imcap.captioning.evaluation import evaluate as evaluate_run

    return evaluate_run(run, config.evaluation, config.output)


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap evaluate`; returns the exit status."""
    return run_command("evaluate", EvaluateConfig, evaluate, argv)


if __name__ == "__main__":
    sys.exit(main())

"""Scores of a results file, printed as sat_keras prints them.

python utils/eval_caps.py -results_file results.json \
    -ann_file captions_val2014.json
"""

import dataclasses
import sys

from imcap.captioning.coco_scoring import score_coco
from imcap.captioning.evaluation import DEFAULT_METRICS, check_metrics
from imcap.cli.parser import run_command
from imcap.options import REQUIRED, option


@dataclasses.dataclass(frozen=True)
class EvalCapsConfig:
    """Scores captions through pycocotools' COCO classes.

    `imcap score` has intervals, and reads other references than COCO's.
    """

    results_file: str = option(REQUIRED, "list of {image_id, caption}")
    ann_file: str = option(REQUIRED, "COCO's captions_*.json")
    metrics: tuple[str, ...] = option(
        DEFAULT_METRICS, "what to compute", many=True
    )


def eval_caps(config: EvalCapsConfig) -> None:
    """Runs the command and prints a line a metric."""
    check_metrics(config.metrics)
    found, notes = score_coco(
        config.results_file, config.ann_file, config.metrics
    )
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    for name, value in found.items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    sys.exit(run_command("eval_caps", EvalCapsConfig, eval_caps))

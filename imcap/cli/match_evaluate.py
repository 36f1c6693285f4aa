"""`imcap match evaluate`: recall of a run, or of several together."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imcap.cli.flags import default_run
from imcap.cli.outputs import check_outputs
from imcap.cli.parser import run_command
from imcap.cli.recall_table import recall_table
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import option
from imcap.startup import quiet_start

NAME = "match evaluate"


@dataclasses.dataclass(frozen=True)
class MatchEvaluateConfig:
    """Scores all images of a split with all its captions.

    Prints recall at 1, 5 and 10, median and mean rank in both directions,
    and rsum, their sum; writes them to metrics.json. Scores are kept in the
    run's directory: what was interrupted continues, and what was computed
    is not computed again.
    """

    model: str = option(
        "",
        "directory of a run; default: save, where there is one",
        "run",
        "model_path",
        heading="The runs",
    )
    checkpoint: str = option("best", "which weights", choices=("best", "last"))
    ensemble: tuple[str, ...] = option(
        (),
        "further runs; scores are averaged with --model's, where attention "
        "and a ridge meet each over its deviation",
        many=True,
    )
    split: str = option(
        "test",
        "which pairs",
        choices=("train", "dev", "test", "testall"),
        heading="Which pairs",
    )
    fold5: bool = option(
        False, "the mean over five blocks of images; needs --split testall"
    )
    data_path: str | None = option(
        None, "folder of *_precomp folders; default: that of the training"
    )
    data_name: str | None = option(None, "the one of them to read")
    input_json: str | None = option(
        None, "captions, or SPLIT=FILE of several; default: those of the "
        "training", several=True,
    )  # fmt: skip
    input_h5: str | None = option(None, "label file of cocotalk.json")
    features: str | None = option(
        None, "feature file; default: that of the training"
    )
    save_scores: str | None = option(
        None, "also write the scores, images by captions, to this .npy; "
        "with --fold5, one file a fold", heading="What is written",
    )  # fmt: skip
    output: str | None = option(
        None, "folder for metrics.json; default: RUN/evaluation/SPLIT"
    )


def evaluate(config: MatchEvaluateConfig) -> dict[str, Any]:
    """Runs the command; returns the dict of metrics."""
    from imcap.matching.run import MatchRun

    if config.fold5 and config.split != "testall":
        raise InputError(
            f"--fold5 needs --split testall, all blocks "
            f"of images; --split {config.split} has not"
        )
    model = config.model or default_run()
    check_outputs(model, config.output, config.save_scores)
    runs = [MatchRun.open(path) for path in (model, *config.ensemble)]
    with quiet_start():
        from imcap.matching import evaluation
        from imcap.matching.data import PairSource

    source = PairSource.of(runs[0].config).replaced(
        data_path=config.data_path,
        data_name=config.data_name,
        input_json=config.input_json,
        input_h5=config.input_h5,
        features=config.features,
    )
    metrics = evaluation.evaluate(
        runs,
        source.open(config.split),
        config.checkpoint,
        config.fold5,
        config.save_scores,
    )
    for line in recall_table(metrics):
        print(line)
    if "baseline" in metrics:
        print("ridge regression from features to words, for comparison:")
        for line in recall_table(metrics["baseline"])[1:]:
            print(line)
    folder = output_folder(config, runs[0].outputs)
    write_json(folder / "metrics.json", metrics, indent=1)
    print(f"written to {folder}")
    return metrics


def output_folder(config: MatchEvaluateConfig, outputs: Path) -> Path:
    """Where metrics.json goes."""
    if config.output:
        return Path(config.output)
    name = config.split + ("_fold5" if config.fold5 else "")
    if config.ensemble:
        others = [Path(path).resolve().name for path in config.ensemble]
        name += "_with_" + "_".join(others)
    return outputs / "evaluation" / name


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `imcap match evaluate`; returns the exit status."""
    return run_command(NAME, MatchEvaluateConfig, evaluate, argv)

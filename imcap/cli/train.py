"""`imcap train`: a captioner from features, or from pictures.

imcap train --sgate --input_json data/cocotalk.json
    --features data/features.h5 --checkpoint_path runs/adaptive
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.captioning.model_settings import CaptionerConfig
from imcap.captioning.train_settings import TrainConfig, validate_config
from imcap.cli.parser import run_command
from imcap.cli.training import print_best, print_data, print_sources
from imcap.errors import InputError
from imcap.runs.presets import read_preset
from imcap.runs.pretrained import continued_path
from imcap.startup import quiet_start

if TYPE_CHECKING:
    from imcap.captioning.loop import TrainingLoop

OF_ALL_CAPTIONERS = ("caption_model", "dr", "dr_ratio", "img_feat_size")


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """Result of a training; as a path it is that of the run.

    Attributes:
        path: directory of the run.
        epochs: complete ones, earlier trainings of the run among them.
        metric: what the best epoch was chosen by, as "CIDEr".
        best: its value in that epoch; None where none was chosen.
        best_epoch: its number; None where none was chosen.
        history: list of a dict for each epoch, as metrics.jsonl has them.
    """

    path: Path
    epochs: int
    metric: str
    best: float | None
    best_epoch: int | None
    history: list[dict[str, Any]]

    def __fspath__(self) -> str:
        return str(self.path)


def train(config: TrainConfig) -> TrainResult:
    """Trains as the config says; the run's directory tells the rest."""
    with quiet_start():
        import keras

        from imcap.captioning.confidence import ABOUT, is_of_weights
        from imcap.captioning.data import open_data
        from imcap.captioning.loop import TrainingLoop

    keras.utils.set_random_seed(config.seed)
    check_captioner(config.caption_model)
    print_sources(config)
    run, data = open_data(config)
    print_data(data)
    loop = TrainingLoop(run, data)
    for name in unused_flags(config):
        print(f"note: --{name} does nothing for {config.caption_model}")
    try:
        loop.run_all()
    except FloatingPointError as error:
        raise InputError(
            f"{error}; {run.path} keeps its last good state: go on from there "
            f"with --start_from {run.path} and a lower --learning_rate"
        ) from None
    print_best(loop)
    if (run.path / ABOUT).exists() and not is_of_weights(run):
        print("its confidence was of earlier weights; calibrate it again")
    return result_of(loop)


def result_of(loop: TrainingLoop) -> TrainResult:
    """What came of a training that is over."""
    from imcap.drawing.curves import read_metrics

    log, progress = loop.run.path / "metrics.jsonl", loop.progress
    return TrainResult(
        loop.run.path,
        progress.epoch,
        loop.metric.removeprefix("val_"),
        progress.best,
        progress.best_epoch,
        read_metrics(log) if log.exists() else [],
    )


def check_captioner(name: str) -> None:
    """Refuses a captioner that there is not, before anything is read."""
    from imcap.models.registry import list_captioners

    known = list_captioners()
    if name not in known:
        raise InputError(
            f"--caption_model {name}: there are {', '.join(known)}"
        )


def unused_flags(config: TrainConfig) -> list[str]:
    """Flags of captioners that are not as ever, and not of this one."""
    from imcap.models.registry import list_options

    known = {*list_options(config.caption_model), *OF_ALL_CAPTIONERS}
    return [
        field.name
        for field in dataclasses.fields(CaptionerConfig)
        if field.name not in known
        and getattr(config, field.name) != field.default
    ]


def resolve_config(given: dict[str, Any]) -> TrainConfig:
    """The config of the given flags, a preset, and the run they start from."""
    if "preset" in given:
        given = {**read_preset(given["preset"]), **given}
    if given.get("id"):
        given.setdefault("checkpoint_path", str(Path("save") / given["id"]))
    start = given.get("start_from")
    if start is None:
        config = validate_config(TrainConfig(**given))
        if not config.input_json:
            raise InputError(
                "give --input_json FILE, the captions: cocotalk.json, or any "
                "format that `imcap prepare` reads; or --start_from RUN to "
                "go on with a run"
            )
        return with_features(config)
    from imcap.captioning.run import CaptionerRun

    earlier = CaptionerRun.open(start).config
    given.setdefault("checkpoint_path", continued_path(start))
    config = dataclasses.replace(earlier, **given)
    if config.cnntrain and "augmented_features" not in given:
        # Of a CNN that did not learn yet; pictures take their place.
        config = dataclasses.replace(config, augmented_features=None)
    return validate_config(config)


def with_features(config: TrainConfig) -> TrainConfig:
    """The config, its features found beside the captions if not named."""
    from imcap.data.captions.sources import first_file

    beside = first_file(config.input_json).with_name("features.h5")
    if config.features or config.cnntrain or not beside.exists():
        return config
    return dataclasses.replace(config, features=str(beside))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `imcap train`; returns the exit status."""
    return run_command("train", TrainConfig, train, argv, resolve_config)


if __name__ == "__main__":
    sys.exit(main())

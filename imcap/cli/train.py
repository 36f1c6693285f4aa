"""`imcap train`: a captioner from features, or from pictures.

imcap train --sgate --input_json data/cocotalk.json
    --features data/features.h5 --checkpoint_path runs/adaptive
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imcap.captioning.train_settings import TrainConfig
from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.runs.presets import read_preset
from imcap.startup import quiet_start

ES_METRICS = ("CIDEr", "Bleu_4", "loss")


def train(config: TrainConfig) -> None:
    """Trains as the config says; the run's directory tells the rest."""
    with quiet_start():
        import keras

        from imcap.captioning.data import open_data, report
        from imcap.captioning.loop import TrainingLoop

    keras.utils.set_random_seed(config.seed)
    run, data = open_data(config)
    report(data)
    loop = TrainingLoop(run, data)
    try:
        loop.run_all()
    except FloatingPointError as error:
        raise InputError(
            f"{error}; {run.path} keeps its last good state: go on from there "
            f"with --start_from {run.path} and a lower --learning_rate"
        ) from None
    best = loop.progress
    if best.best is not None:
        name = loop.metric.removeprefix("val_")
        print(f"best {name} {best.best:.4f} in epoch {best.best_epoch}")
    print(f"the run is in {run.path}")


def resolve_config(given: dict[str, Any]) -> TrainConfig:
    """The config of the given flags, a preset, and the run they start from."""
    if "preset" in given:
        given = {**read_preset(given["preset"]), **given}
    if given.get("id"):
        given.setdefault("checkpoint_path", str(Path("save") / given["id"]))
    start = given.get("start_from")
    if start is None:
        return validate_config(with_features(TrainConfig(**given)))
    from imcap.captioning.run import CaptionerRun

    earlier = CaptionerRun.open(start).config
    given.setdefault("checkpoint_path", start)
    config = dataclasses.replace(earlier, **given)
    if config.cnntrain and "augmented_features" not in given:
        # Of a CNN that did not learn yet; pictures take their place.
        config = dataclasses.replace(config, augmented_features=None)
    return validate_config(config)


def with_features(config: TrainConfig) -> TrainConfig:
    """The config, its features found beside the captions if not named."""
    beside = Path(config.input_json).with_name("features.h5")
    if config.features or config.cnntrain or not beside.exists():
        return config
    return dataclasses.replace(config, features=str(beside))


def validate_config(config: TrainConfig) -> TrainConfig:
    """The config with what one flag says of another."""
    if config.noamopt:
        config = dataclasses.replace(
            config, schedule="noam", warmup=config.warmup or 10000
        )
    if config.learning_rate_decay_start >= 0 and config.schedule == "constant":
        config = dataclasses.replace(config, schedule="step")
    if config.lstm and config.sgate:
        raise InputError(
            "--lstm turns attention off and --sgate adds to it; give one"
        )
    if config.reduce_on_plateau and config.schedule != "constant":
        raise InputError("--reduce_on_plateau needs --schedule constant")
    if config.es_metric not in ES_METRICS:
        raise InputError(
            f"--es_metric {config.es_metric}: there are {', '.join(ES_METRICS)}"
        )
    if config.self_critical_after == 0 and not config.start_from:
        raise InputError(
            "--self_critical_after 0 learns nothing from weights of chance; "
            "give --start_from RUN, or a later epoch"
        )
    if config.cnntrain and config.augmented_features:
        raise InputError(
            "--augmented_features are of a network that does not learn; "
            "leave them out, or --cnntrain"
        )
    if config.sample_temperature <= 0:
        raise InputError("--sample_temperature must be above 0")
    if not 0 <= config.weight_average < 1:
        raise InputError("--weight_average must be at least 0 and below 1")
    for name in ("max_epochs", "max_length", "batch_size", "accumulate"):
        if getattr(config, name) < 1:
            raise InputError(f"--{name} must be at least 1")
    return config


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `imcap train`; returns the exit status."""
    return run_command("train", TrainConfig, train, argv, resolve_config)


if __name__ == "__main__":
    sys.exit(main())

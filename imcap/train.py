"""`imcap train`: a captioner from features, or from pictures.

imcap train --sgate --input_json data/cocotalk.json
    --features data/features.h5 --checkpoint_path runs/adaptive
"""

import dataclasses
import sys

from imcap.config import quiet_start, run_command
from imcap.data.errors import InputError
from imcap.train_config import TrainConfig

ES_METRICS = ("CIDEr", "Bleu_4", "loss")


def train(config):
    """Trains as the config says; the run's directory tells the rest."""
    with quiet_start():
        import keras

        from imcap.training_data import open_data
        from imcap.training_loop import TrainingLoop

    keras.utils.set_random_seed(config.seed)
    run, data = open_data(config)
    report(data)
    loop = TrainingLoop(run, data)
    loop.run_all()
    best = loop.progress
    if best.best is not None:
        name = loop.metric.removeprefix("val_")
        print(f"best {name} {best.best:.4f} in epoch {best.best_epoch}")
    print(f"the run is in {run.path}")


def report(data):
    """Says in a few lines what will be trained on."""
    for note in data.notes:
        print(f"note: {note}")
    print(
        f"{len(data.training)} training pictures with "
        f"{data.training.caption_count} captions, {len(data.validation)} for "
        f"validation; {data.vocabulary.size} words"
    )


def completed(given):
    """The config of the given flags, and of the run they start from."""
    start = given.get("start_from")
    if start is None:
        return settled(TrainConfig(**given))
    from imcap.runs import Run

    earlier = Run.open(start).config
    given.setdefault("checkpoint_path", start)
    return settled(dataclasses.replace(earlier, **given))


def settled(config):
    """The config with what one flag says of another."""
    if config.noamopt:
        config = dataclasses.replace(
            config, schedule="noam", warmup=config.warmup or 10000
        )
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
    if not 0 <= config.weight_average < 1:
        raise InputError("--weight_average must be at least 0 and below 1")
    for name in ("max_epochs", "max_length", "batch_size", "accumulate"):
        if getattr(config, name) < 1:
            raise InputError(f"--{name} must be at least 1")
    return config


def main(argv=None):
    """Runs `imcap train`; returns the exit status."""
    return run_command("train", TrainConfig, train, argv, completed)


if __name__ == "__main__":
    sys.exit(main())

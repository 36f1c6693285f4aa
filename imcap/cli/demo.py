"""`imcap demo`: the main job in minutes, on scenes that it draws itself.

imcap demo --output runs/demo
"""

import dataclasses
import sys
import time
from pathlib import Path

from imcap.cli.parser import run_command
from imcap.cli.training import print_data
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import option
from imcap.startup import load_keras


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Draws scenes, learns to caption them, shows where it looked.

    Coloured shapes are drawn and described by a grammar; a small CNN and
    adaptive attention are trained on them end to end, and measured on
    scenes that they never saw. The output is an ordinary run, which
    `imcap evaluate` and `imcap caption` accept.
    """

    output: str = option("runs/demo", "directory of the run", "model")
    seed: int = option(1, "of everything random")
    epochs: int = option(8, "epochs of training", "max_epochs")
    images: int = option(3000, "scenes to train on")
    held_out: int = option(500, "scenes to test on")


def demo(config: DemoConfig) -> dict[str, float]:
    """Runs the command; returns the dict of metrics."""
    from imcap.demo.scenes import IMAGE_SIZE, write_demo_scenes

    check(config)
    began = time.monotonic()
    captions_path = write_demo_scenes(
        config.output, config.images, config.held_out, config.seed
    )
    load_keras()
    import keras

    from imcap.captioning.loop import TrainingLoop
    from imcap.data.scenes.scenes import draw_scenes
    from imcap.demo import report as results
    from imcap.demo import training

    keras.utils.set_random_seed(config.seed)
    run, data, truth = training.begin_run(
        training.train_settings(
            captions_path, config.output, config.epochs, config.seed
        )
    )
    print_data(data)
    loop = TrainingLoop(run, data)
    print("finding the words of the captions in the pictures …")
    training.pretrain_encoder(loop)
    training.enlarge_first_weights(loop.task.captioner, config.seed)
    print("learning to caption …")
    loop.run_all()
    print(f"captioning {len(truth)} scenes that it never saw …")
    captions = training.caption_images(run, data.read, truth.image_ids)
    # The same scenes as the third split, now with the shapes' outlines.
    scenes = draw_scenes(config.held_out, config.seed + 2, IMAGE_SIZE)
    grid = tuple(run.encoder_metadata["grid"])
    scores = results.score_against_references(captions, truth)
    metrics = {
        **results.measure_captions(captions, scenes.objects, grid),
        **scores.overall,
        "images": len(truth),
        "seconds": round(time.monotonic() - began, 1),
    }
    paths = results.draw_first_captions(run, data.read, truth, captions, grid)
    write_json(run.path / "metrics.json", metrics, indent=1)
    results.print_results(run, truth, captions, metrics, paths, scores.notes)
    return metrics


def check(config: DemoConfig) -> None:
    """Refuses what cannot be done, before anything is drawn."""
    for name in ("images", "held_out", "epochs"):
        if getattr(config, name) < 1:
            raise InputError(f"--{name} must be at least 1")
    if config.seed < 0:
        raise InputError("--seed must not be negative")
    folder = Path(config.output)
    ours = (folder / "captions.json").exists()
    if (folder / "config.json").exists() and not ours:
        raise InputError(
            f"{folder}: there is a run of another kind; give another --output"
        )


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap demo`; returns the exit status."""
    return run_command("demo", DemoConfig, demo, argv)


if __name__ == "__main__":
    sys.exit(main())

"""`imcap demo`: the main job in three minutes, without data or download.

imcap demo --output runs/demo
"""

import sys
import time
from pathlib import Path

from imcap.cli.parser import run_command
from imcap.data.captions.cocotalk import IMAGE_SIZE
from imcap.demo.training import (
    DemoConfig,
    begin,
    caption_all,
    draw,
    find_words,
    sharpen,
)
from imcap.errors import InputError
from imcap.files import write_json
from imcap.startup import load_keras


def demo(config):
    """Runs the command; returns the dict of metrics."""
    check(config)
    began = time.monotonic()
    captions_path = draw(config)
    load_keras()
    import keras

    from imcap.captioning.data import report
    from imcap.captioning.loop import TrainingLoop
    from imcap.data.scenes.scenes import draw_scenes
    from imcap.demo.report import compare, draw_pictures, measure, tell

    keras.utils.set_random_seed(config.seed)
    run, data, truth = begin(config, captions_path)
    report(data)
    loop = TrainingLoop(run, data)
    print("finding the words of the captions in the pictures …")
    find_words(loop)
    sharpen(loop.task.captioner, config.seed)
    print("learning to caption …")
    loop.run_all()
    print(f"captioning {len(truth)} scenes that it never saw …")
    captions = caption_all(run, data, truth.image_ids)
    # The same scenes as the third split, now with the shapes' outlines.
    scenes = draw_scenes(config.held_out, config.seed + 2, IMAGE_SIZE)
    grid = tuple(run.encoder_metadata["grid"])
    scores = compare(captions, truth)
    metrics = {
        **measure(captions, scenes.objects, grid),
        **scores.overall,
        "images": len(truth),
        "seconds": round(time.monotonic() - began, 1),
    }
    paths = draw_pictures(run, data, truth, captions, grid)
    write_json(run.path / "metrics.json", metrics, indent=1)
    tell(run, truth, captions, metrics, paths, scores.notes)
    return metrics


def check(config):
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


def main(argv=None):
    """Runs `imcap demo`; returns the exit status."""
    return run_command("demo", DemoConfig, demo, argv)


if __name__ == "__main__":
    sys.exit(main())

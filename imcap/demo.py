"""`imcap demo`: the main job in three minutes, without data or download.

imcap demo --output runs/demo
"""

import dataclasses
import sys
import time
from pathlib import Path

from imcap.config import option, run_command
from imcap.data.errors import InputError
from imcap.data.files import write_json
from imcap.inputs import Pixels

IMAGE_SIZE, CHANNELS = 64, 64
SHOWN = 5  # captions printed and drawn at the end


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
    epochs: int = option(16, "epochs of training", "max_epochs")
    images: int = option(3000, "scenes to train on")
    held_out: int = option(500, "scenes to test on")


def train_config(config, captions):
    """What `imcap train` would be given.

    Attention falls on a shape as its word is said only where the LSTM
    cannot know the shape by other means: so it is not given the mean of
    the features.
    """
    from imcap.train_config import TrainConfig

    folder = captions.parent.resolve()
    return TrainConfig(
        input_json=str(folder / captions.name),
        images_root=str(folder),
        checkpoint_path=config.output,
        cnntrain=True,
        sgate=True,
        lrmult_conv=1.0,
        word_count_threshold=0,
        max_length=14,
        lstm_dim=128,
        emb_dim=64,
        z_dim=96,
        dr_ratio=0.1,
        batch_size=32,
        seq_per_img=2,
        max_epochs=config.epochs,
        learning_rate=2e-3,
        schedule="cosine",
        grad_clip=0.0,
        clip_norm=1.0,
        val_images_use=100,
        es_metric="CIDEr",
        patience=0,
        seed=config.seed,
    )


class KeptPixels(Pixels):
    """`Pixels` that reads each picture from its file only once."""

    def __init__(self, files, size):
        super().__init__(files, size)
        self.kept = {}

    def __call__(self, image_ids):
        import numpy as np

        for image_id in image_ids:
            if image_id not in self.kept:
                pixels = super().__call__([image_id])["images"][0]
                self.kept[image_id] = pixels.astype("uint8")
        kept = np.stack([self.kept[image_id] for image_id in image_ids])
        return {"images": kept.astype("float32")}


def draw(config):
    """Writes the scenes; returns the path of their captions."""
    from imcap.data.scenes import write_scenes

    counts = {
        "train": config.images,
        "val": min(100, config.held_out),
        "test": config.held_out,
    }
    print(f"drawing {sum(counts.values())} scenes in {config.output} …")
    return write_scenes(config.output, counts, config.seed, IMAGE_SIZE)


def begin(config, captions_path):
    """The `Run`, begun, the data to train on, and the held-out captions."""
    from imcap.data.captions import read_captions
    from imcap.data.vocabulary import Vocabulary
    from imcap.picture_networks import small_cnn_metadata
    from imcap.runs import Run
    from imcap.training_data import split

    captions = read_captions(captions_path)
    said = captions.split("train").tokens
    vocabulary = Vocabulary.build(
        [words for of_image in said for words in of_image], threshold=0
    )
    trained = train_config(config, captions_path)
    files = {
        image_id: captions_path.parent / name
        for image_id, name in zip(
            captions.image_ids, captions.files, strict=True
        )
    }
    run = Run(
        config.output,
        trained,
        vocabulary,
        small_cnn_metadata(IMAGE_SIZE, CHANNELS),
        CHANNELS,
    )
    run.begin()
    read = KeptPixels(files, IMAGE_SIZE)
    data = split(trained, captions, vocabulary, read)
    return run, data, captions.split("test")


def caption_all(run, data, image_ids):
    """The best checkpoint's greedy captions, with attention.

    Returns:
        List of `Caption`, one for each id.
    """
    from imcap.inputs import in_batches
    from imcap.training.generate import generate
    from imcap.training.generation import Generator

    generator = Generator(
        run.task(), run.ids, max_length=16, banned=[run.vocabulary.unk_id]
    )
    generator.compile(jit_compile=False)
    batches = in_batches(data.read, image_ids, 50)
    found = generate(generator, run.vocabulary, batches, keep_attention=True)
    return [of_image[0] for of_image in found]


def measure(captions, objects, grid):
    """How often captions are right, and attention is where it belongs.

    Args:
        captions: list of n `Caption`.
        objects: list of n lists of `SceneObject`, what is in the pictures.
        grid: (h, w) of the attention.

    Returns:
        Dict of caption_accuracy, the share of captions that name each
        object's colour and shape and no other; attention_accuracy, the
        share of shape words whose heaviest cell touches the shape that is
        named (a shape that is not there is a miss); how many shape words
        that are; and the sentinel's mean share of them and of other words.
    """
    import numpy as np

    from imcap.data.scenes import caption_is_right, shape_word_positions

    right, hits, sentinel = [], [], {True: [], False: []}
    for caption, things in zip(captions, objects, strict=True):
        right.append(caption_is_right(caption.words, things))
        named = shape_word_positions(caption.words)
        places = [position for position, _, _ in named]
        for position in range(len(caption.words)):
            share = caption.attention["sentinel"][position]
            sentinel[position in places].append(share)
        for position, color, shape in named:
            heaviest = caption.attention["weights"][position].argmax()
            hits.append(
                any(
                    thing.touched_cells(*grid)[heaviest]
                    for thing in things
                    if (thing.color, thing.shape) == (color, shape)
                )
            )
    return {
        "caption_accuracy": float(np.mean(right)),
        "attention_accuracy": float(np.mean(hits)) if hits else 0.0,
        "shape_words": len(hits),
        "sentinel_on_shape_words": float(np.mean(sentinel[True] or [0])),
        "sentinel_on_other_words": float(np.mean(sentinel[False] or [0])),
    }


def compare(captions, truth):
    """BLEU, ROUGE-L and CIDEr of captions against a `CaptionSet`."""
    from imcap.metrics.coco import score_captions

    said = {
        image_id: " ".join(caption.words)
        for image_id, caption in zip(truth.image_ids, captions, strict=True)
    }
    references = dict(zip(truth.image_ids, truth.raw, strict=True))
    return score_captions(
        said, references, ("Bleu", "ROUGE_L", "CIDEr"), tokenized=True
    )


def draw_pictures(run, data, truth, captions, grid):
    """Draws attention of the first captions and the learning curves.

    Returns:
        Paths of the attention pictures.
    """
    from imcap.plots import draw_attention, draw_learning_curves

    draw_learning_curves(
        run.path / "metrics.jsonl", run.path / "learning_curves.png"
    )
    paths = []
    for row in range(min(SHOWN, len(truth))):
        image_id, name = truth.image_ids[row], Path(truth.files[row]).stem
        path = run.path / "attention" / f"{name}.png"
        pixels = data.read([image_id])["images"][0].astype("uint8")
        words, attention = captions[row].words, captions[row].attention
        if words:
            draw_attention(pixels, words, attention, path, grid=grid)
            paths.append(path)
    return paths


def demo(config):
    """Runs the command; returns the dict of metrics."""
    check(config)
    began = time.monotonic()
    captions_path = draw(config)
    import keras

    from imcap.data.scenes import draw_scenes
    from imcap.train import report
    from imcap.training_loop import TrainingLoop

    keras.utils.set_random_seed(config.seed)
    run, data, truth = begin(config, captions_path)
    report(data)
    TrainingLoop(run, data).run_all()
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


def tell(run, truth, captions, metrics, paths, notes):
    """Prints captions beside the truth, the metrics and what to look at."""
    print()
    for row in range(min(SHOWN, len(truth))):
        print(f"{Path(truth.files[row]).stem}")
        print(f"   said:  {' '.join(captions[row].words)}")
        print(f"   truth: {truth.raw[row][0]}")
    print()
    for note in notes:
        print(f"note: {note}")
    for name, value in metrics.items():
        shown = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:24} {shown}")
    print()
    for path in paths[:1]:
        print(f"where it looked, word by word: {path}")
    print(f"how it learnt: {run.path / 'learning_curves.png'}")
    print(
        f"caption more: imcap caption --model {run.path} "
        f"{run.path / truth.files[-1]}"
    )


def main(argv=None):
    """Runs `imcap demo`; returns the exit status."""
    return run_command("demo", DemoConfig, demo, argv)


if __name__ == "__main__":
    sys.exit(main())

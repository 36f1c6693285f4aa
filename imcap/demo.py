"""`imcap demo`: the main job in three minutes, without data or download.

imcap demo --output runs/demo
"""

import dataclasses
import sys
import time
from pathlib import Path

from imcap.config import load_keras, option, run_command
from imcap.data.errors import InputError
from imcap.data.files import write_json
from imcap.inputs import Pixels

IMAGE_SIZE, CHANNELS = 64, 64
WORD_EPOCHS = 10  # of finding words in pictures, before captions


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
    epochs: int = option(12, "epochs of training", "max_epochs")
    images: int = option(3000, "scenes to train on")
    held_out: int = option(500, "scenes to test on")


def train_config(config, captions):
    """What `imcap train` would be given.

    Attention falls on a shape as its word is said only where nothing else
    tells the shape: so the LSTM is not given the mean of the features, and
    half of the words must look at the picture while they are learnt.
    """
    from imcap.train_config import TrainConfig

    folder = captions.parent.resolve()
    return TrainConfig(
        input_json=str(folder / captions.name),
        images_root=str(folder),
        checkpoint_path=config.output,
        cnntrain=True,
        sgate=True,
        global_features=False,
        sentinel_dropout=0.5,
        lrmult_conv=1.0,
        word_count_threshold=0,
        max_length=14,
        lstm_dim=160,
        emb_dim=64,
        z_dim=128,
        dr_ratio=0.1,
        batch_size=12,
        seq_per_img=3,
        max_epochs=config.epochs,
        learning_rate=4e-3,
        schedule="cosine",
        grad_clip=0.0,
        clip_norm=1.0,
        val_images_use=100,
        es_metric="loss",  # CIDEr of a hundred scenes is too noisy
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


def find_words(loop):
    """Teaches the CNN of a `TrainingLoop` which words go with pictures."""
    from imcap.training.word_detection import detect_words, words_of_images

    captions = loop.batches.captions
    detect_words(
        loop.task.encoder,
        loop.data.read(captions.image_ids)["images"].astype("uint8"),
        words_of_images(captions.captions, loop.data.vocabulary.size),
        WORD_EPOCHS,
    )


def sharpen(captioner, seed):
    """Starts words and queries larger than photographs want them.

    Of small numbers tanh is nearly linear, and then a query adds the same
    to the score of every cell: what has been said would long not change
    where the captioner looks.
    """
    import numpy as np

    words = captioner.embedding.embeddings
    drawn = np.random.default_rng(seed).normal(0, 0.7, words.shape)
    words.assign(drawn.astype("float32"))
    attention = captioner.attention
    for dense in (attention.hidden_dense, attention.query_dense):
        dense.kernel.assign(3.0 * dense.kernel)


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


def demo(config):
    """Runs the command; returns the dict of metrics."""
    check(config)
    began = time.monotonic()
    captions_path = draw(config)
    load_keras()
    import keras

    from imcap.data.scenes import draw_scenes
    from imcap.demo_report import compare, draw_pictures, measure, tell
    from imcap.train import report
    from imcap.training_loop import TrainingLoop

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

"""Training of the demo, from drawn scenes to captions."""

import dataclasses

from imcap.data.batches.readers import Pixels
from imcap.options import option

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
    from imcap.captioning.train_settings import TrainConfig

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
    from imcap.data.scenes.scenes import write_scenes

    counts = {
        "train": config.images,
        "val": min(100, config.held_out),
        "test": config.held_out,
    }
    print(f"drawing {sum(counts.values())} scenes in {config.output} …")
    return write_scenes(config.output, counts, config.seed, IMAGE_SIZE)


def begin(config, captions_path):
    """The run, begun, the data to train on, and the held-out captions."""
    from imcap.captioning.data import split
    from imcap.captioning.run import CaptionerRun
    from imcap.data.captions.reading import read_captions
    from imcap.data.words.vocabulary import Vocabulary
    from imcap.vision.networks import small_cnn_metadata

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
    run = CaptionerRun(
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
    from imcap.captioning.generation import Generator, generate
    from imcap.data.batches.readers import iterate_batches

    generator = Generator(
        run.task(), run.ids, max_length=16, banned=[run.vocabulary.unk_id]
    )
    generator.compile(jit_compile=False)
    batches = iterate_batches(data.read, image_ids, 50)
    found = generate(generator, run.vocabulary, batches, keep_attention=True)
    return [of_image[0] for of_image in found]

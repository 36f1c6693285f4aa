"""Training of the demo: settings, data, first weights, captions."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.data.batches.readers import Pixels
from imcap.demo.scenes import IMAGE_SIZE

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.data import TrainingData
    from imcap.captioning.loop import TrainingLoop
    from imcap.captioning.run import CaptionerRun
    from imcap.captioning.train_settings import TrainConfig
    from imcap.data.captions.caption_set import CaptionSet

CHANNELS = 64  # of the small CNN


WORD_EPOCHS = 10  # of finding words in pictures, before captions


def train_settings(
    captions_path: Path, checkpoint_path: str, epochs: int, seed: int
) -> "TrainConfig":
    """Training settings of the demo, as `imcap train` would have them.

    Attention falls on a shape as its word is said only where nothing else
    tells the shape: so the LSTM is not given the mean of the features, and
    half of the words must look at the picture while they are learnt.
    """
    from imcap.captioning.train_settings import TrainConfig

    folder = captions_path.parent.resolve()
    return TrainConfig(
        input_json=str(folder / captions_path.name),
        images_root=str(folder),
        checkpoint_path=checkpoint_path,
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
        max_epochs=epochs,
        learning_rate=4e-3,
        schedule="cosine",
        grad_clip=0.0,
        clip_norm=1.0,
        val_images_use=100,
        es_metric="loss",  # CIDEr of a hundred scenes is too noisy
        patience=0,
        seed=seed,
    )


class CachedPixels(Pixels):
    """`Pixels` that decodes each picture only once."""

    def __init__(self, files: dict[Any, Path], size: int):
        super().__init__(files, size)
        self.cache: dict[Any, np.ndarray] = {}

    def __call__(self, image_ids: Sequence) -> dict[str, np.ndarray]:
        for image_id in image_ids:
            if image_id not in self.cache:
                pixels = super().__call__([image_id])["images"][0]
                self.cache[image_id] = pixels.astype("uint8")
        pixels = np.stack([self.cache[image_id] for image_id in image_ids])
        return {"images": pixels.astype("float32")}


def begin_run(
    settings: "TrainConfig",
) -> tuple["CaptionerRun", "TrainingData", "CaptionSet"]:
    """The run, begun, the data to train on, and the held-out captions."""
    from imcap.captioning.data import split
    from imcap.captioning.run import CaptionerRun
    from imcap.data.captions.reading import read_captions
    from imcap.data.words.vocabulary import Vocabulary
    from imcap.vision.networks import small_cnn_metadata

    captions = read_captions(settings.input_json)
    vocabulary = Vocabulary.build(
        [
            words
            for sentences in captions.split("train").tokens
            for words in sentences
        ],
        threshold=0,
    )
    run = CaptionerRun(
        settings.checkpoint_path,
        settings,
        vocabulary,
        small_cnn_metadata(IMAGE_SIZE, CHANNELS),
        CHANNELS,
    )
    run.begin()
    folder = Path(settings.images_root)
    files = {
        image_id: folder / name
        for image_id, name in zip(
            captions.image_ids, captions.files, strict=True
        )
    }
    read = CachedPixels(files, IMAGE_SIZE)
    data = split(settings, captions, vocabulary, read)
    return run, data, captions.split("test")


def pretrain_encoder(loop: "TrainingLoop") -> None:
    """Teaches the CNN of a `TrainingLoop` which words go with pictures."""
    from imcap.training.word_detection import detect_words, words_of_images

    captions = loop.batches.captions
    detect_words(
        loop.task.encoder,
        loop.data.read(captions.image_ids)["images"].astype("uint8"),
        words_of_images(captions.captions, loop.data.vocabulary.size),
        WORD_EPOCHS,
    )


def enlarge_first_weights(captioner: Any, seed: int) -> None:
    """Starts words and queries larger than photographs want them.

    Of small numbers tanh is nearly linear, and then a query adds the same
    to the score of every cell: what has been said would long not change
    where the captioner looks.
    """
    words = captioner.embedding.embeddings
    drawn = np.random.default_rng(seed).normal(0, 0.7, words.shape)
    words.assign(drawn.astype("float32"))
    attention = captioner.attention
    for dense in (attention.hidden_dense, attention.query_dense):
        dense.kernel.assign(3.0 * dense.kernel)


def caption_images(
    run: "CaptionerRun",
    read: Callable[[Sequence], dict[str, np.ndarray]],
    image_ids: Sequence,
) -> list["Caption"]:
    """The best checkpoint's greedy captions, with attention.

    Returns:
        A caption for each id.
    """
    from imcap.captioning.decoding_settings import DecodingSettings
    from imcap.captioning.generation import generate, make_generator
    from imcap.data.batches.readers import iterate_batches

    greedy = DecodingSettings(beam_size=1, max_length=16)
    generator = make_generator(run.task(), run, greedy)
    batches = iterate_batches(read, list(image_ids), 50)
    found = generate(generator, run.vocabulary, batches, keep_attention=True)
    return [of_image[0] for of_image in found]

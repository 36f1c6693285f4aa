"""Runs of random weights, as training would leave them."""

import keras
import numpy as np

from imcap.captioning.run import CaptionerRun
from imcap.captioning.train_settings import TrainConfig
from imcap.data.words.vocabulary import Vocabulary
from imcap.matching.run import MatchRun
from imcap.matching.settings import MatchConfig
from imcap.models.backbones import backbone_metadata, build_backbone
from imcap.training.checkpoints import save_weights
from imcap.vision.networks import small_cnn_metadata

SIZE, CHANNELS = 32, 11
WORDS = ["a", "dog", "runs", "on", "the", "green", "grass"]


def make_run(path, metadata, channels, weights=None, words=WORDS, **options):
    """A run of random weights, as `imcap train` would leave it."""
    sizes = {"lstm_dim": 13, "emb_dim": 7, "z_dim": 5}
    config = TrainConfig(checkpoint_path=str(path), **(sizes | options))
    words = Vocabulary.build([words], threshold=0)
    run = CaptionerRun(path, config, words, metadata, channels)
    run.begin(weights)
    task = run.build_task()
    never_ends = np.zeros(words.size, "float32")
    never_ends[words.eos_id] = -9.0
    task.captioner.set_output_bias(never_ends)
    save_weights(run.best, task)
    return run


def make_picture_run(path, **options):
    """A run trained from pictures of any size, always of the same weights."""
    keras.utils.set_random_seed(0)
    metadata = small_cnn_metadata(SIZE, CHANNELS)
    return make_run(path, metadata, CHANNELS, cnntrain=True, **options)


def save_network(path):
    """Saves the weights of a small network of keras.applications."""
    network = keras.applications.MobileNet(
        weights=None, include_top=False, input_shape=(SIZE, SIZE, 3)
    )
    network.save_weights(path)
    return path


def make_match_run(folder, **options):
    """A run as `imcap match train` leaves it, on features of a 4 x 4 map."""
    weights = save_network(folder / "mobilenet.weights.h5")
    backbone = build_backbone("mobilenet", weights, "conv_pw_5_relu", SIZE)
    metadata = backbone_metadata(backbone)
    config = MatchConfig(
        checkpoint_path=str(folder / "run"),
        input_json="captions.json",
        embed_size=9,
        word_dim=4,
        **options,
    )
    words = Vocabulary.build([WORDS], 1, "scan")
    run = MatchRun(
        folder / "run", config, words, metadata, metadata["channels"]
    )
    run.begin(weights)
    save_weights(run.best, run.build_task())
    return run

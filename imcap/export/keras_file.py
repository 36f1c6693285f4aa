"""A run as one `.keras` file, vocabulary included.

Importing this module registers every class that such a file names:

>>> import keras, imcap.export.keras_file
>>> task = keras.saving.load_model("captioner.keras")
"""

import zipfile
from pathlib import Path

import keras

from imcap.captioning.run import CaptionerRun, register_captioners
from imcap.data.words.archived import VOCABULARY
from imcap.files import atomic_write
from imcap.matching.run import register_matcher
from imcap.training.task import CaptioningTask
from imcap.vision.extraction import PictureEncoder, register_networks

register_captioners()
register_matcher()
register_networks()


def write_keras(
    path: str | Path, model: keras.Model, vocabulary_file: str | Path
) -> None:
    """Writes a model as Keras saves them, and the vocabulary with it.

    Args:
        path: a path that ends in .keras.
        model: a `CaptioningTask` or `Scan`.
        vocabulary_file: path of vocabulary.json.
    """
    # Keras looks at how the name ends.
    with atomic_write(path, suffix=".keras") as partial:
        model.save(partial)
        with zipfile.ZipFile(partial, "a") as archive:
            archive.write(vocabulary_file, VOCABULARY)


def with_pictures(run: CaptionerRun, task: CaptioningTask) -> CaptioningTask:
    """The task with its picture network, where that is known.

    Args:
        run: a `CaptionerRun`.
        task: its `CaptioningTask`.

    Returns:
        A `CaptioningTask` of images; of features where it is not known what
        made the run's.
    """
    if task.encoder is not None or not run.encoder_metadata:
        return task
    encoder = PictureEncoder.from_run(run).as_model()
    return CaptioningTask(task.captioner, encoder)

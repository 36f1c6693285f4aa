"""Word detection: pretrains a picture network on captions' words."""

import keras
import numpy as np
from keras import ops

from imcap.progress import Meter


@keras.saving.register_keras_serializable(package="imcap")
class AnyCell(keras.layers.Layer):
    """Score of a word in a picture from its scores in every cell.

    `log Σ_cells exp(score)`: high as soon as one cell is sure.

    Call arguments:
        scores: float tensor (B, h, w, V).

    Returns:
        Float tensor (B, V).
    """

    def call(self, scores):
        return ops.logsumexp(scores, axis=(1, 2))

    def compute_output_shape(self, scores_shape):
        return (scores_shape[0], scores_shape[-1])


def words_of_images(captions, vocabulary_size):
    """Which words the captions of each image use.

    Args:
        captions: list (n) of lists of int arrays, the ids of captions.
        vocabulary_size: int, V.

    Returns:
        float32 (n, V), 1 where the word is used.
    """
    bags = np.zeros((len(captions), vocabulary_size), "float32")
    for row, of_image in enumerate(captions):
        for ids in of_image:
            bags[row, ids] = 1.0
    return bags


def detect_words(
    encoder, images, bags, epochs, batch_size=12, learning_rate=3e-3
):
    """Trains an encoder to tell which words the captions of a picture use.

    Attention can only learn to look at cells that mean something, and cells
    only learn to mean something when they are looked at. Photographs begin
    with a network trained on other photographs; a network that begins with
    nothing learns here, in a fraction of the time, from the words alone:
    some cell has to find each of them.

    Args:
        encoder: model of images (B, H, W, 3) to maps (B, h, w, D); trained.
        images: uint8 array (n, H, W, 3).
        bags: float array (n, V) of `words_of_images`.
        epochs: int.
        batch_size: int.
        learning_rate: float.

    Returns:
        The loss of each epoch, a list of float.

    Example:
        >>> detect_words(task.encoder, images, bags, epochs=6)

    Reference:
        Fang et al., 2015, "From captions to visual concepts and back",
        section 3. They join cells by noisy-or, we by log-sum-exp.
    """
    pictures = keras.Input(images.shape[1:], name="images")
    scores = keras.layers.Dense(
        bags.shape[1],
        # As rare in a cell as a word is in a picture, over many cells.
        bias_initializer=keras.initializers.Constant(-4.0),
        name="words",
    )(encoder(pictures))
    detector = keras.Model(pictures, AnyCell(name="any_cell")(scores))
    steps = epochs * -(-len(images) // batch_size)
    detector.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                learning_rate, steps, alpha=0.3
            )
        ),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    with Meter(steps, "words of pictures", "steps") as meter:
        count = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: meter.update()
        )
        history = detector.fit(
            images, bags, batch_size=batch_size, epochs=epochs,
            shuffle=True, verbose=0, callbacks=[count],
        )  # fmt: skip
    return history.history["loss"]

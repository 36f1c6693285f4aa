"""A run's captioner as a graph from encoded pictures to captions."""

import numpy as np
import tensorflow as tf

from imcap.export.encoder import (
    ExportedEncoder,
    at_least_one,
    first_rows,
    where_fine,
)

# What captioners look at, and what it is called in an export.
LOOKED_AT = {
    "weights": "attention",
    "sentinel": "sentinel",
    "gate": "gate",
    "channels": "channels",
}


class ExportedCaptioner:
    """Decodes, encodes and captions pictures within TensorFlow.

    Args:
        run: a `Run`.
        task: its `CaptioningTask`.
        decoding: a `DecodingConfig`.
        max_pixels: int, width times height above which a picture is refused.

    Attributes:
        pictures: `ExportedEncoder`.

    Raises:
        InputError: decoding flags that cannot be.

    Example:
        >>> exported = ExportedCaptioner(run, run.task(), DecodingConfig())
        >>> exported.signatures()["serving_default"](image_bytes=files)
    """

    def __init__(self, run, task, decoding, max_pixels):
        from imcap.training.task import CaptioningTask

        self.pictures = ExportedEncoder(run, task.encoder, max_pixels)
        self.vocabulary = run.vocabulary
        self.wanted = task.captioner.wanted_positions
        self.num_grids = run.config.num_grids
        # Features are made before: one decoder serves both signatures.
        generator = decoding.make_generator(CaptioningTask(task.captioner), run)
        self.decode = tf.function(generator, jit_compile=decoding.jit_compile)

    def positions(self):
        """Where the locations of the grid are, float32 (K, P)."""
        return self.pictures.encoder.positions(self.wanted, self.num_grids)

    def inputs(self, features):
        """What the captioner takes besides tokens, on the run's grid."""
        inputs = {"features": features}
        if self.wanted is not None:
            where = tf.constant(self.positions())  # (K, P)
            shape = tf.concat([tf.shape(features)[:1], where.shape], axis=0)
            inputs["positions"] = tf.broadcast_to(where, shape)
        return inputs

    def caption(self, inputs):
        """Dict of what is answered, of inputs as the captioner takes them."""
        found = self.decode(inputs)
        tokens = found["tokens"]  # (B, N, T)
        chances = found["log_probabilities"]
        words = self.words(tokens)
        said = tf.strings.reduce_join(words, axis=2, separator=" ")
        said = tf.strings.regex_replace(said, " +", " ")
        answer = {
            "captions": tf.strings.strip(said),
            "log_probabilities": tf.reduce_sum(chances, axis=2),
            "words": words,
            "word_log_probabilities": chances,
        }
        for name, called in LOOKED_AT.items():
            if name in found:
                answer[called] = tf.cast(found[name], tf.float32)
        if tokens.shape[1] == 1:
            return {name: part[:, 0] for name, part in answer.items()}
        return answer

    def words(self, tokens):
        """Words (B, N, T) of ids, "" from the end of a caption on."""
        vocabulary = self.vocabulary
        strings = np.array([word.encode() for word in vocabulary.words], object)
        silent = [vocabulary.pad_id, vocabulary.bos_id, vocabulary.eos_id]
        strings[silent] = b""
        ended = tf.cumsum(tf.cast(tokens == vocabulary.eos_id, tf.int32), 2)
        return tf.where(ended > 0, "", tf.gather(tf.constant(strings), tokens))

    def of_pictures(self, image_bytes):
        """Signature of encoded pictures (B,)."""
        features, errors = self.pictures.of_bytes(image_bytes)
        answer = where_fine(errors, self.caption(self.inputs(features)))
        answer["error"] = errors
        return first_rows(answer, tf.size(image_bytes))

    def of_features(self, features, mask=None, positions=None):
        """Signature of features (B, K, D); a mask where any K may come."""
        given = {"features": features, "mask": mask, "positions": positions}
        inputs = {
            name: at_least_one(part)
            for name, part in given.items()
            if part is not None
        }
        if mask is None:
            inputs = self.inputs(inputs["features"])
        return first_rows(self.caption(inputs), tf.shape(features)[0])

    def signatures(self):
        """Dict of name to concrete function, "serving_default" among them."""
        specs = self.pictures.specs()
        if self.wanted is not None and self.pictures.grid is None:
            width = 4 if self.wanted == "boxes" else self.num_grids
            shape = (None, None, width)
            specs.append(tf.TensorSpec(shape, tf.float32, "positions"))
        of_features = tf.function(
            self.of_features, input_signature=specs
        ).get_concrete_function()
        if self.pictures.encoder is None:
            return {"serving_default": of_features, "features": of_features}
        spec = tf.TensorSpec((None,), tf.string, "image_bytes")
        of_pictures = tf.function(self.of_pictures, input_signature=[spec])
        return {
            "serving_default": of_pictures.get_concrete_function(),
            "features": of_features,
        }

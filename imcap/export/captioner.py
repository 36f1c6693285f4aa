"""A run's captioner as a graph from encoded pictures to captions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from imcap.captioning.generation import make_generator
from imcap.export.encoder import (
    ExportedEncoder,
    at_least_one,
    first_rows,
    zero_failed_rows,
)
from imcap.training.task import CaptioningTask

if TYPE_CHECKING:
    from imcap.captioning.decoding_settings import DecodingSettings
    from imcap.captioning.run import CaptionerRun

# What captioners attend to, and what it is called in an export.
ATTENTION_NAMES = {
    "weights": "attention",
    "sentinel": "sentinel",
    "gate": "gate",
    "channels": "channels",
}


class ExportedCaptioner:
    """Decodes, encodes and captions pictures within TensorFlow.

    Args:
        run: a `CaptionerRun`.
        task: its `CaptioningTask`.
        decoding: `DecodingSettings`.
        max_pixels: int, width times height above which a picture is refused.
        checkpoint: "best" or "last", the weights of an ensemble's runs.

    Attributes:
        pictures: `ExportedEncoder`.

    Raises:
        InputError: decoding flags that cannot be.

    Example:
        >>> settings = DecodingSettings(beam_size=3)
        >>> exported = ExportedCaptioner(run, run.task(), settings, 10**8)
        >>> exported.signatures()["serving_default"](image_bytes=files)
    """

    def __init__(
        self,
        run: CaptionerRun,
        task: CaptioningTask,
        decoding: DecodingSettings,
        max_pixels: int,
        checkpoint: str = "best",
    ):
        self.pictures = ExportedEncoder(run, task.encoder, max_pixels)
        self.vocabulary = run.vocabulary
        self.wanted = task.captioner.wanted_positions
        self.num_grids = run.config.num_grids
        # Features are made before: one decoder serves both signatures.
        features_task = CaptioningTask(task.captioner)
        generator = make_generator(features_task, run, decoding, checkpoint)
        self.confidence = generator.confidence
        self.decode = tf.function(
            generator, jit_compile=decoding.jit_compile, autograph=False
        )

    def positions(self) -> np.ndarray:
        """Positions of the grid's locations, float32 (K, P)."""
        return self.pictures.encoder.positions(self.wanted, self.num_grids)

    def inputs(self, features: Any) -> dict[str, Any]:
        """Inputs of the captioner besides tokens, on the run's grid."""
        inputs = {"features": features}
        if self.wanted is not None:
            where = tf.constant(self.positions())  # (K, P)
            shape = tf.concat([tf.shape(features)[:1], where.shape], axis=0)
            inputs["positions"] = tf.broadcast_to(where, shape)
        return inputs

    def caption(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Captions inputs as the captioner takes them: a dict of outputs."""
        decoded = self.decode(inputs)
        tokens = decoded["tokens"]  # (B, N, T)
        log_probs = decoded["log_probabilities"]
        words = self.words(tokens)
        captions = tf.strings.reduce_join(words, axis=2, separator=" ")
        captions = tf.strings.regex_replace(captions, " +", " ")
        answer = {
            "captions": tf.strings.strip(captions),
            "log_probabilities": tf.reduce_sum(log_probs, axis=2),
            "words": words,
            "word_log_probabilities": log_probs,
        }
        if "confidence" in decoded:
            answer["confidence"] = decoded["confidence"]
        for name, called in ATTENTION_NAMES.items():
            if name in decoded:
                answer[called] = tf.cast(decoded[name], tf.float32)
        if tokens.shape[1] == 1:
            return {name: part[:, 0] for name, part in answer.items()}
        return answer

    def words(self, tokens: Any) -> Any:
        """Words (B, N, T) of ids, "" from the end of a caption on."""
        vocabulary = self.vocabulary
        strings = np.array([word.encode() for word in vocabulary.words], object)
        silent = [vocabulary.pad_id, vocabulary.bos_id, vocabulary.eos_id]
        strings[silent] = b""
        ended = tf.cumsum(tf.cast(tokens == vocabulary.eos_id, tf.int32), 2)
        return tf.where(ended > 0, "", tf.gather(tf.constant(strings), tokens))

    def of_pictures(self, image_bytes: Any) -> dict[str, Any]:
        """Signature of encoded pictures (B,)."""
        features, errors = self.pictures.of_bytes(image_bytes)
        answer = zero_failed_rows(errors, self.caption(self.inputs(features)))
        answer["error"] = errors
        return first_rows(answer, tf.size(image_bytes))

    def of_features(
        self, features: Any, mask: Any = None, positions: Any = None
    ) -> dict[str, Any]:
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

    def signatures(self) -> dict[str, Any]:
        """Dict of name to concrete function, "serving_default" among them."""
        specs = self.pictures.specs()
        if self.wanted is not None and self.pictures.grid is None:
            width = 4 if self.wanted == "boxes" else self.num_grids
            shape = (None, None, width)
            specs.append(tf.TensorSpec(shape, tf.float32, "positions"))
        of_features = tf.function(
            self.of_features, input_signature=specs, autograph=False
        ).get_concrete_function()
        if not self.pictures.takes_pictures:
            return {"serving_default": of_features, "features": of_features}
        spec = tf.TensorSpec((None,), tf.string, "image_bytes")
        of_pictures = tf.function(
            self.of_pictures, input_signature=[spec], autograph=False
        )
        return {
            "serving_default": of_pictures.get_concrete_function(),
            "features": of_features,
        }

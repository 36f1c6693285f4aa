"""A run's captioner as one file for LiteRT, from pixels to greedy words."""

from __future__ import annotations

import dataclasses
import functools
import json
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from imcap.captioning.confidence import opened_of
from imcap.captioning.litert import ABOUT, open_interpreter
from imcap.captioning.run import CaptionerRun
from imcap.data.words.archived import VOCABULARY
from imcap.decoding import banned_tokens
from imcap.decoding.sampling import decode
from imcap.errors import InputError
from imcap.export.captioner import ATTENTION_NAMES
from imcap.files import atomic_write

if TYPE_CHECKING:
    from imcap.captioning.decoding_settings import DecodingSettings
    from imcap.export.captioner import ExportedCaptioner
    from imcap.training.task import CaptioningTask

TIMED = 5  # runs, of which the median is reported


def greedy_function(
    exported: ExportedCaptioner,
    task: CaptioningTask,
    ids: tuple[int, int, int],
    decoding: DecodingSettings,
) -> Any:
    """Greedy decoding of one picture, a function of static shapes.

    Args:
        exported: an `ExportedCaptioner`.
        task: the `CaptioningTask`.
        ids: (bos, eos, pad) token ids.
        decoding: has max_length, no_repeat_ngram, allow_unk.

    Returns:
        A concrete function of images, float32 (1, size, size, 3).
    """
    captioner = task.captioner
    size, steps = exported.pictures.image_size, decoding.max_length + 1
    unk_id = exported.vocabulary.unk_id
    penalty = None
    if not decoding.allow_unk:
        penalty = banned_tokens(captioner.vocabulary_size, [unk_id])

    def choose(logits, index):
        # Not keras.ops.argmax, whose care for negative zeros LiteRT lacks.
        return tf.argmax(logits, axis=-1, output_type=tf.int32)

    def caption(images):
        features = exported.pictures.encoder.features(images)
        features = tf.ensure_shape(features, (1, *features.shape[1:]))
        inputs = {"features": features}
        if exported.wanted is not None:
            inputs["positions"] = tf.constant(exported.positions())[None]
        memory = captioner.encode(inputs)
        decoded = decode(
            functools.partial(captioner.step, memory=memory),
            captioner.initial_state(memory, 1),
            choose,
            (1, 1, steps),
            ids,
            penalty,
            decoding.no_repeat_ngram,
        )
        attention = {
            ATTENTION_NAMES[name]: part[:, 0]
            for name, part in decoded.attention.items()
        }
        attention |= confidence_in(exported, features, decoded)
        return {
            "tokens": decoded.tokens[:, 0],
            "word_log_probabilities": decoded.log_probs[:, 0],
            **attention,
        }

    spec = tf.TensorSpec((1, size, size, 3), tf.float32, "images")
    return tf.function(
        caption, input_signature=[spec], autograph=False
    ).get_concrete_function()


def confidence_in(
    exported: ExportedCaptioner, features: Any, decoded: Any
) -> dict[str, Any]:
    """{"confidence": (B,)} in greedy captions, where it is known."""
    if exported.confidence is None:
        return {}
    confidence = exported.confidence(
        features,
        decoded.tokens,
        decoded.log_probs,
        opened_of(decoded.attention),
    )
    return {"confidence": confidence[:, 0]}


def convert(function: Any, int8: bool = False) -> bytes:
    """A concrete function as bytes of a LiteRT model.

    Args:
        function: of tensors whose shapes are known.
        int8: bool, keep weights in eight bits (dynamic-range quantisation).

    Raises:
        InputError: LiteRT lacks an operation.
    """
    holder = tf.Module()
    holder.kept = list(function.graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function], holder
    )
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        return converter.convert()
    except Exception as error:
        # The converter answers with pages of its intermediate language.
        line = str(error).strip().splitlines()[0][:200]
        raise InputError(
            f"this captioner cannot be converted for LiteRT ({line}); export "
            "a savedmodel instead"
        ) from None


def write_tflite(
    path: str | Path,
    model: bytes,
    vocabulary_file: str | Path,
    about: dict[str, Any],
) -> None:
    """Writes the model, with its vocabulary.json and imcap.json in the file.

    They lie in a ZIP archive behind the model, where LiteRT's own tools put
    the files that belong to one.

    Args:
        path: the file.
        model: bytes.
        vocabulary_file: path of vocabulary.json.
        about: dict of JSON values; its grid, [h, w], says how locations lie
            on a picture.
    """
    with atomic_write(path) as partial:
        partial.write_bytes(model)
        with zipfile.ZipFile(partial, "a", zipfile.ZIP_DEFLATED) as files:
            files.write(vocabulary_file, VOCABULARY)
            files.writestr(ABOUT, json.dumps(about, indent=1))


def measure_latency(path: str | Path, size: int) -> float:
    """Median seconds of a picture of noise, on one thread."""
    run = open_interpreter(path).get_signature_runner()
    noise = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3))
    images, times = noise.astype("float32"), []
    for _ in range(TIMED + 1):
        began = time.perf_counter()
        run(images=images)
        times.append(time.perf_counter() - began)
    return float(np.median(times[1:]))


def load_float32_task(run: CaptionerRun, checkpoint: str) -> CaptioningTask:
    """The run's task in single precision, whatever it was trained in."""
    config = dataclasses.replace(run.config, mixed_precision=None)
    plain = CaptionerRun(
        run.path, config, run.vocabulary, run.encoder_metadata, run.channels
    )
    return plain.task(checkpoint)

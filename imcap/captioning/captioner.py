"""Loaded captioner: a run as an object, as `imcap.load("runs/mine")` gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.data.pictures.remarks import remarks
from imcap.errors import InputError
from imcap.options import plain_value
from imcap.vision.picture_lists import BATCH, batches, each, is_many

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.generation import Generator

# What `caption` and `attention` take besides the pictures.
DECODING = {field.name for field in dataclasses.fields(DecodingSettings)}


class LoadedCaptioner:
    """Captions pictures with a run, in this process.

    A picture is a path, an `http`, `https`, `s3` or `gs` URL, the bytes of a
    file, an open file, a PIL image or an array, whose shapes and numbers are
    those of `imcap.data.pictures.arrays`. Several are a list or anything else
    that gives pictures one by one, an array of rank 4, a folder, or a pattern
    like `holiday/*.jpg`. One alone gives one answer, several a list.

    Args:
        path: the directory of a run.
        checkpoint: "best" or "last", which weights.

    Attributes:
        run: the `CaptionerRun`.
        task: its `CaptioningTask`.
        grid: (h, w), how the locations of `attention` lie on a picture.

    Raises:
        InputError: no run there, or it is not known what made its features.

    Example:
        >>> model = imcap.load("runs/mine")
        >>> model.caption("holiday.jpg")
        'a dog runs through the snow'
    """

    def __init__(self, path: str | Path, checkpoint: str = "best"):
        from imcap.captioning.pictures import PictureReader
        from imcap.captioning.run import CaptionerRun

        self.run = CaptionerRun.open(path)
        self.checkpoint = checkpoint
        self.task = self.run.task(checkpoint)
        self.reader = PictureReader(self.run, self.task)
        self.grid = self.reader.grid
        self._generators: dict[tuple, Generator] = {}
        self._forced: dict[tuple[int, int], Any] = {}

    def caption(self, images: Any, **decoding: Any) -> Any:
        """Captions of pictures.

        Args:
            images: pictures, see the class.
            **decoding: flags of `imcap caption`, as in `beam_size=3,
                length_penalty=0.7` or `sample_n=5, top_p=0.9`.

        Returns:
            List of B str, the best caption of each.

        Raises:
            InputError: a picture that cannot be read, or an unknown flag.
        """
        candidates = self.candidates(images, **decoding)
        texts = [" ".join(captions[0].words) for captions in candidates]
        return texts if is_many(images) else texts[0]

    def attention(self, images: Any, **decoding: Any) -> Any:
        """Captions of pictures with the attention of each word.

        Args:
            images, **decoding: as in `caption`.

        Returns:
            List of B `imcap.captioning.caption.Caption`: words,
            log_probabilities, score, and attention, which
            `imcap.drawing.attention.draw_attention` draws.
        """
        candidates = self.candidates(images, **decoding)
        best = [captions[0] for captions in candidates]
        return best if is_many(images) else best[0]

    def candidates(self, images: Any, **decoding: Any) -> list[list[Caption]]:
        """All decoded captions of pictures, best first; always a list."""
        from imcap.captioning.generation import generate

        generator = self.generator(**decoding)
        return [
            captions
            for inputs in self._batches(images)
            for captions in generate(
                generator, self.run.vocabulary, [inputs], keep_attention=True
            )
        ]

    def score(self, images: Any, captions: Any) -> Any:
        """Log-probabilities of captions, given their pictures.

        Args:
            images: pictures, see the class.
            captions: for each picture a str, or a list of them.

        Returns:
            For each picture a float, or a list of them: log p of the words
            and the end, natural, summed. Words that the run does not know
            count as its UNK.
        """
        many = is_many(images)
        pictures = list(each(images))
        captions = list(captions) if many else [captions]
        if len(captions) != len(pictures):
            raise InputError(
                f"{len(pictures)} pictures, but {len(captions)} captions; "
                "give a caption, or a list of captions, for each picture"
            )
        of_each = [[c] if isinstance(c, str) else list(c) for c in captions]
        scores: list[list[float]] = []
        for start, inputs in zip(
            range(0, len(pictures), BATCH),
            self._batches(pictures),
            strict=True,
        ):
            scores += self._score_batch(inputs, of_each[start : start + BATCH])
        answers = [
            one[0] if isinstance(caption, str) else one
            for one, caption in zip(scores, captions, strict=True)
        ]
        return answers if many else answers[0]

    def generator(self, **decoding: Any) -> Generator:
        """The compiled `Generator` of some decoding flags, kept."""
        from imcap.captioning.generation import make_generator

        unknown = set(decoding) - DECODING
        if unknown:
            raise InputError(
                f"unknown flag {sorted(unknown)[0]!r}; there are "
                f"{', '.join(sorted(DECODING))}"
            )
        decoding = {
            name: check_flag(name, value) for name, value in decoding.items()
        }
        key = tuple(sorted(decoding.items()))
        if key not in self._generators:
            self._generators[key] = make_generator(
                self.task, self.run, DecodingSettings(**decoding),
                self.checkpoint,
            )  # fmt: skip
        return self._generators[key]

    def _batches(self, images: Any) -> Iterator[dict[str, np.ndarray]]:
        """Yields inputs of the task for `BATCH` pictures at a time."""
        for pixels in batches(images, self.reader.pixels):
            remarks.log()
            yield self.reader.inputs(pixels)

    def _score_batch(self, inputs, captions):
        """Lists of log p of lists of str, for one batch of inputs."""
        from imcap.data.words.tokenizer import tokenize_strings

        words = self.run.vocabulary
        counts = [len(of_image) for of_image in captions]
        flat = [caption for of_image in captions for caption in of_image]
        ids = [words.encode(tokens) for tokens in tokenize_strings(flat)]
        longest = 1 + max((len(one) for one in ids), default=0)
        room = self.task.captioner.max_positions
        if room and longest > room:
            raise InputError(
                f"a caption of {longest - 1} words; this run knows places of "
                f"captions up to {room - 1}"
            )
        steps = min(-(-longest // 8) * 8, room or longest + 8)
        shape = (len(captions), max(counts, default=0), steps)
        tokens = np.full(shape, words.pad_id, "int32")  # (B, N, T)
        targets, real = tokens.copy(), np.zeros(shape, bool)
        tokens[:, :, 0] = words.bos_id
        places = [
            (b, n) for b, count in enumerate(counts) for n in range(count)
        ]
        for place, one in zip(places, ids, strict=True):
            tokens[place][1 : len(one) + 1] = one
            targets[place][: len(one) + 1] = [*one, words.eos_id]
            real[place][: len(one) + 1] = True
        logs = self._log_probabilities(inputs | {"tokens": tokens}, targets)
        sums = np.where(real, logs, 0.0).sum(axis=2)
        return [sums[b, :count].tolist() for b, count in enumerate(counts)]

    def _log_probabilities(self, inputs, targets):
        """Log p (B, N, T) of target ids after the input's tokens."""
        import tensorflow as tf
        from keras import ops

        from imcap.decoding.state import token_log_probs

        if not targets.shape[1]:
            return np.zeros(targets.shape)
        batch, count, steps = targets.shape
        # A function for each N and T: recurrences are unrolled over T.
        if (count, steps) not in self._forced:
            self._forced[count, steps] = tf.function(
                lambda inputs: self.task(inputs, training=False),
                reduce_retracing=True,
                autograph=False,
            )
        logits = self._forced[count, steps](inputs)  # (B, N, T, V)
        flat = token_log_probs(
            ops.reshape(logits, (batch, count * steps, -1)),
            ops.reshape(ops.convert_to_tensor(targets), (batch, -1)),
        )
        return np.asarray(ops.reshape(flat, targets.shape))


def check_flag(name: str, value: Any) -> Any:
    """A decoding flag's value in the plain type of its setting, hashable.

    NumPy's numbers are taken too.

    Raises:
        InputError: a value of another type than the flag's.
    """
    if name == "ensemble":
        paths = value if isinstance(value, (list, tuple)) else [value]
        return tuple(map(str, paths))
    return plain_value(name, value, type(getattr(DecodingSettings, name)))

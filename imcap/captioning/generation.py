"""Captioning: decoders of runs, and the captions that they give."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from imcap.captioning.caption import Caption
from imcap.captioning.confidence import load_confidence, opened_of
from imcap.captioning.run import CaptionerRun
from imcap.decoding import (
    banned_tokens,
    beam_search,
    ensemble,
    greedy,
    sample,
)
from imcap.errors import InputError
from imcap.startup import is_compiled

if TYPE_CHECKING:
    from imcap.captioning.decoding_settings import DecodingSettings
    from imcap.data.words.vocabulary import Vocabulary
    from imcap.models.confidence import CaptionConfidence
    from imcap.training.task import CaptioningTask


def generate(
    generator: Any,
    vocabulary: Vocabulary,
    batches: Iterable[dict[str, np.ndarray]],
    keep_attention: bool = False,
) -> Iterator[list[Caption]]:
    """Captions, in the order of the pictures.

    Args:
        generator: a `Generator`, or what has its `predict_on_batch`.
        vocabulary: what turns ids into words.
        batches: iterable of dicts of arrays (B, …) as the task takes.
        keep_attention: bool; without it `Caption.attention` is {}.

    Yields:
        For each picture, a list of `Caption`, best first.
    """
    for inputs in batches:
        decoded = generator.predict_on_batch(inputs)
        tokens = np.asarray(decoded.pop("tokens"))  # (B, N, T)
        log_probs = np.asarray(decoded.pop("log_probabilities"))
        scores = np.asarray(decoded.pop("scores"))
        confidence = decoded.pop("confidence", None)
        if confidence is not None:
            confidence = np.asarray(confidence).tolist()  # (B, N)
        attention = decoded if keep_attention else {}
        attention = {name: np.asarray(a) for name, a in attention.items()}
        for image in range(len(tokens)):
            yield [
                Caption.from_tokens(
                    tokens[image, number],
                    log_probs[image, number],
                    float(scores[image, number]),
                    {k: v[image, number] for k, v in attention.items()},
                    vocabulary,
                    confidence[image][number] if confidence else None,
                )
                for number in range(tokens.shape[1])
            ]


def make_generator(
    task: CaptioningTask,
    run: CaptionerRun,
    decoding: DecodingSettings,
    checkpoint: str = "best",
    returned: int | None = None,
) -> Generator:
    """A compiled `Generator` of a run, and of those that decode with it.

    Args:
        task: the run's `CaptioningTask`.
        run: the `CaptionerRun`.
        decoding: how its captions are decoded.
        checkpoint: "best" or "last", the weights of an ensemble's runs.
        returned: captions an image that a beam search returns; None for
            the best of each group.

    Raises:
        InputError: settings out of range, or runs that do not fit together.
    """
    decoding.check()
    longest = task.captioner.max_positions
    if longest and decoding.max_length >= longest:
        raise InputError(
            f"--max_length {decoding.max_length}: this run knows places of "
            f"captions up to {longest - 1} words"
        )
    generator = Generator(
        [task, *_load_ensemble(task, run, decoding.ensemble, checkpoint)],
        run.ids,
        method=decoding.method,
        count=decoding.sample_n or decoding.beam_size,
        banned=() if decoding.allow_unk else (run.vocabulary.unk_id,),
        max_length=decoding.max_length,
        length_penalty=decoding.length_penalty,
        groups=decoding.group_size,
        returned=decoding.group_size if returned is None else returned,
        diversity=decoding.diversity_lambda,
        no_repeat_ngram=decoding.no_repeat_ngram,
        temperature=decoding.temperature,
        top_k=decoding.top_k,
        top_p=decoding.top_p,
        seed=decoding.seed,
        confidence=load_confidence(run, checkpoint),
    )
    generator.compile(jit_compile=is_compiled(decoding.jit_compile))
    return generator


def _load_ensemble(task, run, paths, checkpoint):
    """Tasks of further runs; those that do not fit are an InputError."""
    tasks = []
    for path in paths:
        other = CaptionerRun.open(path)
        if run.config.cnntrain:
            raise InputError(
                f"--ensemble {path}: {run.path} trained its CNN along, so no "
                "other run reads what it reads; leave the flag out"
            )
        if other.vocabulary.words != run.vocabulary.words:
            raise InputError(f"{path}: its words are not those of {run.path}")
        if other.channels != run.channels or other.config.cnntrain:
            raise InputError(
                f"{path}: it was not trained on the features of {run.path}"
            )
        tasks.append(other.task(checkpoint))
        wanted = tasks[-1].captioner.wanted_positions
        if wanted not in (None, task.captioner.wanted_positions):
            raise InputError(
                f"{path}: it needs to know positions ({wanted}) that "
                f"{run.path} does not; give it as --model"
            )
    return tasks


class Generator(keras.Model):
    """Decoder of a captioner, or of an ensemble: features to token ids.

    Args:
        task: a `CaptioningTask`, or a list of them that caption together, by
            the mean of their probabilities.
        ids: (bos, eos, pad) token ids.
        max_length: int, longest caption in words; T is one more, for eos.
        method: "greedy", "beam" or "sample".
        count: int N: beams, or samples an image.
        returned: int, captions an image that a beam search returns.
        banned: ids that no caption may have, such as unk.
        length_penalty, no_repeat_ngram, groups, diversity: see
            `beam_search`.
        temperature, top_k, top_p: see `sample`.
        seed: int, for samples.
        confidence: a `CaptionConfidence` of the first task, or None.

    Call arguments:
        inputs: dict as the task takes, without tokens.

    Returns:
        Dict of tokens (B, N, T), log_probabilities (B, N, T), scores (B, N),
        confidence (B, N) where it is known, and one entry for each kind of
        attention, (B, N, T, …).

    Example:
        >>> generator = Generator(task, (0, 0, 0), method="beam", count=5)
        >>> decoded = generator.predict_on_batch({"features": features})
    """

    def __init__(
        self,
        task: CaptioningTask | Sequence[CaptioningTask],
        ids: tuple[int, int, int],
        max_length: int = 16,
        method: str = "greedy",
        count: int = 1,
        returned: int = 1,
        banned: Iterable[int] = (),
        length_penalty: float = 0.0,
        no_repeat_ngram: int = 0,
        groups: int = 1,
        diversity: float = 0.5,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
        confidence: CaptionConfidence | None = None,
    ):
        super().__init__()
        if method not in ("greedy", "beam", "sample"):
            raise ValueError(f"unknown decoding method {method!r}")
        self.tasks = list(task) if isinstance(task, Sequence) else [task]
        self.ids = ids
        self.steps = max_length + 1
        self.method = method
        self.count = 1 if method == "greedy" else count
        self.banned = tuple(banned)
        self.limits = {"no_repeat_ngram": no_repeat_ngram}
        self.beam = {
            "length_penalty": length_penalty,
            "returned": returned,
            "groups": groups,
            "diversity": diversity,
        }
        self.drawing = {
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
        }
        self.confidence = confidence
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        steps, states = [], []
        for task in self.tasks:
            captioner = task.captioner
            memory = captioner.encode(task.features(inputs))
            steps.append(functools.partial(captioner.step, memory=memory))
            states.append(captioner.initial_state(memory, self.count))
        step, state = ensemble(steps), tuple(states)
        batch = ops.shape(keras.tree.flatten(memory)[0])[0]
        penalty = None
        if self.banned:
            penalty = banned_tokens(captioner.vocabulary_size, self.banned)
        shape = (batch, self.count, self.steps)
        options = {"penalty": penalty, **self.limits}
        if self.method == "greedy":
            decoded = greedy(step, state, shape, *self.ids, **options)
        elif self.method == "beam":
            decoded = beam_search(
                step, state, shape, *self.ids, **(options | self.beam)
            )
        else:
            uniforms = keras.random.uniform(shape, seed=self.seed_generator)
            decoded = sample(
                step, state, uniforms, *self.ids, **(options | self.drawing)
            )
        answer = {
            "tokens": decoded.tokens,
            "log_probabilities": decoded.log_probs,
            "scores": decoded.scores,
            **decoded.attention,
        }
        if self.confidence is not None:
            answer["confidence"] = self.confidence(
                inputs["features"],
                decoded.tokens,
                decoded.log_probs,
                opened_of(decoded.attention),
                inputs.get("mask"),
            )
        return answer

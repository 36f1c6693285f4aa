"""Captions for many pictures, batch after batch."""

import collections
import functools

import keras
import numpy as np
from keras import ops

from imcap.decoding import (
    banned_tokens,
    beam_search,
    ensemble,
    greedy,
    sample,
)

Caption = collections.namedtuple(
    "Caption", ["words", "log_probabilities", "score", "attention"]
)


Caption.__doc__ = """One generated caption of L words.

Attributes:
    words: list of L str.
    log_probabilities: float32 (L + 1,), of the words and of eos; (L,) where
        the caption was cut off.
    score: float, what captions of one picture are ordered by.
    attention: dict of arrays that begin with L + 1 (or L): "weights"
        (L + 1, K), "sentinel" (L + 1,) and the like.
"""


def generate(generator, vocabulary, batches, keep_attention=False):
    """Captions, in the order of the pictures.

    Args:
        generator: a `Generator`.
        vocabulary: what turns ids into words.
        batches: iterable of dicts of arrays (B, …) as the task takes.
        keep_attention: bool; without it `Caption.attention` is {}.

    Yields:
        For each picture, a list of `Caption`, best first.
    """
    for inputs in batches:
        found = generator.predict_on_batch(inputs)
        tokens = np.asarray(found.pop("tokens"))  # (B, N, T)
        chances = np.asarray(found.pop("log_probabilities"))
        scores = np.asarray(found.pop("scores"))
        seen = found if keep_attention else {}
        seen = {name: np.asarray(part) for name, part in seen.items()}
        for image in range(len(tokens)):
            captions = []
            for number in range(tokens.shape[1]):
                place = (image, number)
                words = vocabulary.decode(tokens[place])
                length = _spoken(tokens[place], vocabulary.eos_id)
                captions.append(
                    Caption(
                        words,
                        chances[place][:length],
                        float(scores[place]),
                        {k: v[place][:length] for k, v in seen.items()},
                    )
                )
            yield captions


def _spoken(tokens, eos_id):
    """How many tokens were said, eos included."""
    ends = np.flatnonzero(tokens == eos_id)
    return int(ends[0]) + 1 if len(ends) else len(tokens)


class Generator(keras.Model):
    """A task's captioner together with a way to decode it.

    Args:
        task: a `CaptioningTask`, or a list of them that caption together, by
            the mean of their probabilities.
        ids: (bos, eos, pad) token ids.
        max_length: int, longest caption in words; T is one more, for eos.
        method: "greedy", "beam" or "sample".
        count: int N: beams, or samples an image.
        returned: int, captions an image that a beam search returns.
        banned: ids never to be said, such as unk.
        length_penalty, no_repeat_ngram, groups, diversity: see
            `beam_search`.
        temperature, top_k, top_p: see `sample`.
        seed: int, for samples.

    Call arguments:
        inputs: dict as the task takes, without tokens.

    Returns:
        Dict of tokens (B, N, T), log_probabilities (B, N, T), scores (B, N)
        and one entry for each thing looked at, (B, N, T, …).

    Example:
        >>> generator = Generator(task, (0, 0, 0), method="beam", count=5)
        >>> found = generator.predict_on_batch({"features": features})
    """

    def __init__(
        self,
        task,
        ids,
        max_length=16,
        method="greedy",
        count=1,
        returned=1,
        banned=(),
        length_penalty=0.0,
        no_repeat_ngram=0,
        groups=1,
        diversity=0.5,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        seed=0,
    ):
        super().__init__()
        if method not in ("greedy", "beam", "sample"):
            raise ValueError(f"unknown decoding method {method!r}")
        self.tasks = list(task) if isinstance(task, (list, tuple)) else [task]
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
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs):
        steps, state = [], []
        for task in self.tasks:
            captioner = task.captioner
            memory = captioner.encode(task.features(inputs))
            steps.append(functools.partial(captioner.step, memory=memory))
            state.append(captioner.initial_state(memory, self.count))
        step, state = ensemble(steps), tuple(state)
        batch = ops.shape(keras.tree.flatten(memory)[0])[0]
        penalty = None
        if self.banned:
            penalty = banned_tokens(captioner.vocabulary_size, self.banned)

        shape = (batch, self.count, self.steps)
        options = {"penalty": penalty, **self.limits}
        if self.method == "greedy":
            found = greedy(step, state, shape, *self.ids, **options)
        elif self.method == "beam":
            found = beam_search(
                step, state, shape, *self.ids, **options, **self.beam
            )
        else:
            uniforms = keras.random.uniform(shape, seed=self.seed_generator)
            found = sample(
                step, state, uniforms, *self.ids, **options, **self.drawing
            )
        return {
            "tokens": found.tokens,
            "log_probabilities": found.log_probs,
            "scores": found.scores,
            **found.attention,
        }

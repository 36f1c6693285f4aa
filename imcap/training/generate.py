"""Captions for many pictures, batch after batch."""

import collections

import numpy as np

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

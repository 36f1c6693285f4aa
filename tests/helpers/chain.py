"""A toy language for decoders, and how to decode it."""

import itertools

import numpy as np
from keras import ops

BATCH, VOCABULARY, STEPS, PLACES = 3, 5, 4, 7
BOS, EOS, PAD = 1, 2, 0


class Chain:
    """A toy language: the next word depends on image, last word and time."""

    def __init__(self, seed=0, batch=BATCH):
        rng = np.random.default_rng(seed)
        shape = (batch, STEPS + 1, VOCABULARY, VOCABULARY)
        self.table = rng.normal(size=shape).astype("float32") * 2
        self.batch = batch

    def logits(self, image, time, word):
        return self.table[image, time, word]

    def step(self, tokens, state):
        table = ops.convert_to_tensor(self.table)
        images = ops.arange(self.batch, dtype="int32")[:, None]
        flat = (images * (STEPS + 1) + state) * VOCABULARY + tokens
        rows = ops.reshape(table, (-1, VOCABULARY))
        logits = ops.take(rows, flat, axis=0)
        # Attention names the time and the word that was read.
        attention = ops.cast(tokens * 10 + state, "float32")[..., None]
        attention = ops.tile(attention, (1, 1, PLACES))
        return logits, state + 1, {"weights": attention}

    def start(self, count):
        return ops.zeros((self.batch, count), dtype="int32")

    def every_caption(self, image):
        """(sum of log-probabilities, tokens) of all complete captions."""
        found = []
        for length in range(1, STEPS + 1):
            for middle in itertools.product(
                [w for w in range(VOCABULARY) if w != EOS], repeat=length - 1
            ):
                words = [*middle, EOS]
                found.append((sum(self.log_probs(image, words)), words))
        return sorted(found, reverse=True)

    def log_probs(self, image, words):
        last, values = BOS, []
        for time, word in enumerate(words):
            row = self.logits(image, time, last).astype("float64")
            values.append(row[word] - np.log(np.exp(row).sum()))
            last = word
        return values


def decode(decoder, chain, count, **more):
    """What a decoder makes of the chain, with `count` captions an image."""
    size = (BATCH, count, STEPS)
    return decoder(chain.step, chain.start(count), size, BOS, EOS, PAD, **more)


def caption(row):
    """The words of one row up to and with eos."""
    row = [int(word) for word in row]
    return row[: row.index(EOS) + 1] if EOS in row else row

"""Leaving padding out: real words side by side, image by image.

Captions of one batch differ in length, so a (B, N, T) rectangle is a third
padding. `slots` lists for each image where its real words stand in its
N × T rectangle; `words` lists the real ones among those of all images.
Attention then runs on (B, M), M the most words of one image, and the output
layer on exactly the W real words.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class WordsOfImage(keras.layers.Layer):
    """Puts the words of each image in one row.

    Call arguments:
        states: float tensor (B, N, T, U).
        slots: int32 tensor (B, M) of indices below N·T, repeated where an
            image has fewer than M words; None for all words.

    Returns:
        Float tensor (B, M, U); M = N·T without slots.

    Example:
        >>> WordsOfImage()(hidden, slots)
    """

    def call(self, states, slots=None):
        batch, count, steps, units = ops.shape(states)
        if slots is None:
            return ops.reshape(states, (batch, count * steps, units))
        first = ops.arange(batch, dtype="int32") * (count * steps)
        rows = ops.reshape(states, (-1, units))
        return ops.take(rows, slots + first[:, None], axis=0)

    def compute_output_spec(self, states, slots=None):
        shape = (states.shape[0], None, states.shape[-1])
        return keras.KerasTensor(shape, dtype=states.dtype)


@keras.saving.register_keras_serializable(package="imcap")
class RealWords(keras.layers.Layer):
    """Takes the real words out of the rows of all images.

    Call arguments:
        states: float tensor (B, M, U).
        words: int32 tensor (W,) of indices below B·M; None for all.

    Returns:
        Float tensor (W, U), or `states` as they are without words.

    Example:
        >>> RealWords()(context, words)
    """

    def call(self, states, words=None):
        if words is None:
            return states
        rows = ops.reshape(states, (-1, states.shape[-1]))
        return ops.take(rows, words, axis=0)

    def compute_output_spec(self, states, words=None):
        return keras.KerasTensor(states.shape, dtype=states.dtype)


@keras.saving.register_keras_serializable(package="imcap")
class Captions(keras.layers.Layer):
    """Gives logits the shape of the tokens again where nothing was packed.

    Call arguments:
        logits: float tensor (B, N·T, V), or (W, V) of packed words.
        tokens: int32 tensor (B, N, T).
        words: what `RealWords` was given.

    Returns:
        Float32 tensor (B, N, T, V), or (W, V) of packed words.

    Example:
        >>> Captions(dtype="float32")(logits, tokens)
    """

    def call(self, logits, tokens, words=None):
        logits = ops.cast(logits, "float32")
        if words is not None:
            return logits
        return ops.reshape(logits, (*ops.shape(tokens), logits.shape[-1]))

    def compute_output_spec(self, logits, tokens, words=None):
        shape = (*tokens.shape, logits.shape[-1])
        return keras.KerasTensor(shape, dtype="float32")


def unpacked(values, slots, words, shape):
    """Numbers of packed words, back in their captions.

    Args:
        values: float tensor (W,), or of any shape of B·N·T where nothing
            was packed.
        slots, words: what `WordsOfImage` and `RealWords` were given, or None.
        shape: (B, N, T).

    Returns:
        Float tensor (B, N, T), 0 where there is no real word.
    """
    if words is None:
        return ops.reshape(values, shape)
    batch, count, steps = shape
    first = ops.arange(batch, dtype="int32") * (count * steps)
    place = ops.take(ops.reshape(slots + first[:, None], (-1,)), words)
    # The last words repeat the first where a number of words was rounded up.
    real = ops.arange(ops.shape(words)[0]) <= ops.argmax(words)
    summed = ops.segment_sum(
        ops.where(real, values, 0.0), place, num_segments=batch * count * steps
    )
    return ops.reshape(summed, shape)


class Packing:
    """The way from a recurrence's words to logits, padding left out.

    The three layers above in the order that a captioner's graph has them.

    Args:
        inputs: dict with tokens, slots and words, as `caption_inputs` gives.
        policy: dtype policy of the states.

    Example:
        >>> packing = Packing(inputs)
        >>> rows = packing.real(packing.by_image(hidden))
        >>> logits = packing.captions(output_dense(rows))
    """

    def __init__(self, inputs, policy=None):
        self.inputs = inputs
        self._words_of_image = WordsOfImage(dtype=policy, name="words_of_image")
        self._real_words = RealWords(dtype=policy, name="real_words")
        self._captions = Captions(dtype="float32", name="captions")

    def by_image(self, states):
        """(B, N, T, U) to (B, M, U): the words of each image in one row."""
        return self._words_of_image(states, self.inputs["slots"])

    def real(self, states):
        """(B, M, U) to (W, U): only words that are real."""
        return self._real_words(states, self.inputs["words"])

    def captions(self, logits):
        """Float32 logits of `call`: (W, V), or (B, N, T, V) unpacked."""
        return self._captions(
            logits, self.inputs["tokens"], self.inputs["words"]
        )

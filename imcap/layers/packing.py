"""Packing: padding left out, real words side by side.

Captions of one batch differ in length, so a (B, N, T) rectangle is a third
padding. Two index tensors say where the real words are, and three layouts
follow from them:

- captions (B, N, T, …): the rectangle;
- images (B, M, …): the words of each image in one row, M the most words of
  one image. `slots` (B, M) lists for each image where its real words stand in
  its N × T rectangle, and attention runs on these;
- rows (W, …): exactly the W real words of the batch. `words` (W,) lists them
  among the B × M places of all images; the output layer, half of the work,
  sees nothing else. W may be rounded up, and its last places then repeat the
  first.

Both are None where nothing is packed; then images are (B, N·T, …).
"""

import keras
from keras import ops


def slot_places(shape, slots):
    """Places of slots (B, M) among the B·N·T words of all images.

    Args:
        shape: sizes of a tensor that begins with B, N, T.
        slots: int32 tensor (B, M) of places below N·T.
    """
    batch, count, steps = shape[:3]
    first = ops.arange(batch, dtype="int32") * (count * steps)
    return slots + first[:, None]


def row_places(shape, slots, words):
    """Places of rows among the B·N·T words of all images: int32 (W,).

    Args:
        shape: sizes of a tensor that begins with B, N, T.
        slots, words: int32 tensors (B, M) and (W,).
    """
    return ops.take(ops.reshape(slot_places(shape, slots), (-1,)), words)


def rows_of_captions(states, tokens, slots=None, words=None):
    """Captions (B·N, T, U) or (B, N, T, U) as rows (W, U)."""
    rows = ops.reshape(states, (-1, states.shape[-1]))
    if words is None:
        return rows
    return ops.take(rows, row_places(ops.shape(tokens), slots, words), axis=0)


def captions_of_rows(rows, tokens, slots=None, words=None):
    """Rows (W, U) as captions (B·N, T, U) for tokens (B, N, T)."""
    batch, count, steps = ops.shape(tokens)
    if words is not None:
        places = row_places(ops.shape(tokens), slots, words)
        rows = _scatter_rows(rows, places, batch * count * steps)
    return ops.reshape(rows, (batch * count, steps, rows.shape[-1]))


def rows_of_images(states, words=None):
    """Images (B, M, U) as rows (W, U)."""
    rows = ops.reshape(states, (-1, states.shape[-1]))
    return rows if words is None else ops.take(rows, words, axis=0)


def images_of_rows(rows, tokens, slots=None, words=None):
    """Rows (W, U) as images (B, M, U) for tokens (B, N, T)."""
    batch, count, steps = ops.shape(tokens)
    if words is None:
        return ops.reshape(rows, (batch, count * steps, rows.shape[-1]))
    width = ops.shape(slots)[1]
    rows = _scatter_rows(rows, words, batch * width)
    return ops.reshape(rows, (batch, width, rows.shape[-1]))


def _scatter_rows(rows, places, size):
    """Rows (W, U) at `places` (W,) of (size, U), the first of equals.

    A place may come more than once, for W is rounded up; a sum over equals
    would be wrong, and so each place looks for its row.
    """
    count = ops.shape(rows)[0]
    backwards = count - ops.arange(count, dtype="int32")
    last = ops.segment_max(backwards, places, num_segments=size)
    row = ops.clip(count - ops.maximum(last, 0), 0, count - 1)
    return ops.take(rows, row, axis=0)


def unpack(values, slots, words, shape):
    """Numbers of rows, back in their captions.

    Args:
        values: float tensor (W,), or of any shape of B·N·T where nothing
            was packed.
        slots, words: int32 tensors (B, M) and (W,), or None.
        shape: (B, N, T).

    Returns:
        Float tensor (B, N, T), 0 where there is no real word.
    """
    if words is None:
        return ops.reshape(values, shape)
    batch, count, steps = shape
    # The last words repeat the first where a number of words was rounded up.
    real = ops.arange(ops.shape(words)[0]) <= ops.argmax(words)
    summed = ops.segment_sum(
        ops.where(real, values, 0.0),
        row_places(shape, slots, words),
        num_segments=batch * count * steps,
    )
    return ops.reshape(summed, shape)


@keras.saving.register_keras_serializable(package="imcap")
class WordsOfImage(keras.layers.Layer):
    """Packs captions as images: the words of each image in one row.

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
        places = slot_places((batch, count, steps), slots)
        return ops.take(ops.reshape(states, (-1, units)), places, axis=0)

    def compute_output_spec(self, states, slots=None):
        shape = (states.shape[0], None, states.shape[-1])
        return keras.KerasTensor(shape, dtype=states.dtype)


@keras.saving.register_keras_serializable(package="imcap")
class RealWords(keras.layers.Layer):
    """Packs images as rows: the real words of all images, no others.

    Call arguments:
        states: float tensor (B, M, U).
        words: int32 tensor (W,) of indices below B·M; None for all.

    Returns:
        Float tensor (W, U), or `states` as they are without words.

    Example:
        >>> RealWords()(context, words)
    """

    def call(self, states, words=None):
        return states if words is None else rows_of_images(states, words)

    def compute_output_spec(self, states, words=None):
        return keras.KerasTensor(states.shape, dtype=states.dtype)


@keras.saving.register_keras_serializable(package="imcap")
class WordRows(keras.layers.Layer):
    """Packs captions as rows: the real words of (B, N, T, U), (W, U).

    Call arguments:
        states: tensor (B, N, T, U).
        slots: int32 tensor (B, M), or None for all words.
        words: int32 tensor (W,), or None for all words.

    Returns:
        Tensor (W, U); W = B·N·T without words.

    Example:
        >>> WordRows()(embedded, slots, words)
    """

    def call(self, states, slots=None, words=None):
        rows = ops.reshape(states, (-1, states.shape[-1]))
        if words is None:
            return rows
        places = row_places(ops.shape(states), slots, words)
        return ops.take(rows, places, axis=0)

    def compute_output_spec(self, states, slots=None, words=None):
        return keras.KerasTensor((None, *states.shape[3:]), states.dtype)


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


class Packing:
    """The way from a recurrence's states to logits, padding left out.

    `WordsOfImage`, `RealWords` and `Captions` in the order that a captioner's
    graph has them.

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

"""Between real words side by side and the rectangles that attention needs.

What a transformer does to each word alone runs on the W real words of a
batch; a third of the rectangle (B, N, T) is padding. Attention among the words
of a caption needs (B·N, T), attention to a picture (B, M). `slots` and `words`
are those of `imcap.layers.packing`; without them rows are all B·N·T words.

Places that hold no real word are filled with whatever comes first: nothing
reads them, for a caption's padding follows its words.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class WordRows(keras.layers.Layer):
    """Lays the real words of (B, N, T, …) side by side: (W, …).

    Call arguments:
        states: tensor (B, N, T, U), or (B, N, T) of ids.
        slots: int32 tensor (B, M), or None for all words.
        words: int32 tensor (W,), or None for all words.

    Returns:
        Tensor (W, U), or (W,); W = B·N·T without words.

    Example:
        >>> WordRows()(tokens, slots, words)
    """

    def call(self, states, slots=None, words=None):
        rows = ops.reshape(states, (-1, *states.shape[3:]))
        if words is None:
            return rows
        return ops.take(rows, places(ops.shape(states), slots, words), axis=0)

    def compute_output_spec(self, states, slots=None, words=None):
        return keras.KerasTensor((None, *states.shape[3:]), states.dtype)


def places(shape, slots, words):
    """Where each row stands among the B·N·T words: int32 (W,).

    Args:
        shape: sizes of a tensor that begins with B, N, T.
        slots, words: as in `WordRows`.
    """
    batch, count, steps = shape[:3]
    first = ops.arange(batch, dtype="int32") * (count * steps)
    return ops.take(ops.reshape(slots + first[:, None], (-1,)), words)


def captions_of_rows(rows, tokens, slots=None, words=None):
    """Rows (W, U) as captions (B·N, T, U) for tokens (B, N, T)."""
    batch, count, steps = ops.shape(tokens)
    if words is not None:
        found = places(ops.shape(tokens), slots, words)
        rows = _laid_out(rows, found, batch * count * steps)
    return ops.reshape(rows, (batch * count, steps, rows.shape[-1]))


def rows_of_captions(states, tokens, slots=None, words=None):
    """Captions (B·N, T, U) as rows (W, U)."""
    rows = ops.reshape(states, (-1, states.shape[-1]))
    if words is None:
        return rows
    return ops.take(rows, places(ops.shape(tokens), slots, words), axis=0)


def images_of_rows(rows, tokens, slots=None, words=None):
    """Rows (W, U) as images (B, M, U); M = N·T without slots."""
    batch, count, steps = ops.shape(tokens)
    if words is None:
        return ops.reshape(rows, (batch, count * steps, rows.shape[-1]))
    width = ops.shape(slots)[1]
    rows = _laid_out(rows, words, batch * width)
    return ops.reshape(rows, (batch, width, rows.shape[-1]))


def rows_of_images(states, words=None):
    """Images (B, M, U) as rows (W, U)."""
    rows = ops.reshape(states, (-1, states.shape[-1]))
    return rows if words is None else ops.take(rows, words, axis=0)


def _laid_out(rows, found, size):
    """Rows (W, U) at places `found` (W,) of (size, U), the first of equals.

    A place may be found more than once, for W is rounded up; a sum over
    equals would be wrong, and so each place looks for its row.
    """
    count = ops.shape(rows)[0]
    backwards = count - ops.arange(count, dtype="int32")
    last = ops.segment_max(backwards, found, num_segments=size)
    row = ops.clip(count - ops.maximum(last, 0), 0, count - 1)
    return ops.take(rows, row, axis=0)

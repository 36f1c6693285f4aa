"""A recurrence over words, one step after the other in Python."""

import keras
from keras import ops


def over_words(step, sequences, state):
    """Runs `step` over the words of captions.

    The loop is unrolled: the gradient of a compiled loop is slower, and not
    to be had under XLA on TensorFlow.

    Args:
        step: function of what belongs to one word, tensors (B, N, …), and
            the state, to a structure of tensors (B, N, …) and the new state.
        sequences: nested structure of tensors (B, N, T, …), T known.
        state: nested structure of tensors (B, N, …).

    Returns:
        The structure that `step` returns, of tensors (B, N, T, …).

    Raises:
        ValueError: T is not known beforehand.

    Example:
        >>> hidden = over_words(step, gates, (hidden, carry))
    """
    steps = keras.tree.flatten(sequences)[0].shape[2]
    if steps is None:
        raise ValueError("the number of words T must be known beforehand")
    found = []
    for time in range(steps):
        now = keras.tree.map_structure(
            lambda part, time=time: part[:, :, time], sequences
        )
        outputs, state = step(now, state)
        found.append(outputs)
    return keras.tree.map_structure(
        lambda *parts: ops.stack(parts, axis=2), *found
    )

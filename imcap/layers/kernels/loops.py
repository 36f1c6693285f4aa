"""The loop over the words of captions, and its memory.

`unroll` runs a step word after word; `Recomputed` is a step whose inner values
are made again for the gradient instead of being kept (gradient checkpointing).
"""

import keras
from keras import ops


def unroll(step, sequences, state):
    """Runs `step` over the words of captions, the loop written out.

    The gradient of a compiled loop is slower, and not to be had under XLA on
    TensorFlow.

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
        >>> hidden = unroll(step, gates, (hidden, carry))
    """
    steps = keras.tree.flatten(sequences)[0].shape[2]
    if steps is None:
        raise ValueError("the number of words T must be known beforehand")
    collected = []
    for time in range(steps):
        now = keras.tree.map_structure(
            lambda part, time=time: part[:, :, time], sequences
        )
        outputs, state = step(now, state)
        collected.append(outputs)
    return keras.tree.map_structure(
        lambda *parts: ops.stack(parts, axis=2), *collected
    )


class Recomputed:
    """Gradient checkpointing of a step: it remembers only what went in.

    The gradient of step(now, state, constants) usually keeps every inner
    value of every word. Here they are made again, one word at a time. The
    plain form is the step itself, `unroll` of `step(now, state, constants)`.

    What all words share, weights included, travels through the words with the
    state: then its gradient is added up from word to word, where frameworks
    otherwise keep one for each word until the end.

    Args:
        step: function of what belongs to a word, the state and the
            constants, nested structures of float tensors, to outputs and
            the new state.
        constants: nested structure of float tensors that all words share.
        variables: list of the variables that `step` uses.

    Example:
        >>> step = Recomputed(step, constants, layer.variables)
        >>> outputs = unroll(step, gates, step.begin(state))

    Reference:
        Chen et al., 2016, "Training deep nets with sublinear memory cost".
    """

    def __init__(self, step, constants, variables):
        self.step = step
        self.constants = constants
        self.weights = [each for each in variables if each.trainable]
        # These have no gradient, and need not travel.
        self.fixed = [
            (each, ops.stop_gradient(_value(each)))
            for each in variables
            if not each.trainable
        ]

    def begin(self, state):
        """The state before the first word, of that of the step."""
        return state, self.constants, [_value(each) for each in self.weights]

    def __call__(self, now, state):
        flat = keras.tree.flatten((now, state))
        form = {}

        def run(*flat_again):
            inputs = keras.tree.pack_sequence_as((now, state), flat_again)
            own, (inner, constants, values) = inputs
            pairs = list(zip(self.weights, values, strict=True))
            with keras.StatelessScope(state_mapping=pairs + self.fixed):
                outputs, inner = self.step(own, inner, constants)
            # TensorFlow makes inner values again once the gradient of the
            # first of these is there: that has to be a part of the state, or
            # it would make those of all words at once.
            results = ((inner, constants, values), outputs)
            form["results"] = keras.tree.map_structure(lambda _: 0, results)
            return keras.tree.flatten(results)

        results = list(keras.remat(run)(*flat))
        state, outputs = keras.tree.pack_sequence_as(form["results"], results)
        return outputs, state


def _value(variable):
    return ops.reshape(variable, variable.shape)  # a tensor

"""Steps whose inner values are made again for the gradient."""

import keras
from keras import ops


class Recomputed:
    """A step of a recurrence that remembers only what went in.

    The gradient of step(now, state, constants) usually keeps every inner
    value of every word. Here they are made again, one word at a time.

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
        >>> outputs = over_words(step, gates, step.begin(state))
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
            found = ((inner, constants, values), outputs)
            form["found"] = keras.tree.map_structure(lambda _: 0, found)
            return keras.tree.flatten(found)

        found = keras.remat(run)(*flat)
        state, outputs = keras.tree.pack_sequence_as(form["found"], list(found))
        return outputs, state


def _value(variable):
    return ops.reshape(variable, variable.shape)  # a tensor

"""Several models that say one caption together."""

from keras import ops


def ensemble(steps):
    """One step function out of several: the mean of their probabilities.

    Args:
        steps: list of step functions as `sample` takes, of one vocabulary.

    Returns:
        A step function whose state is a tuple of the states of all. What
        was looked at is the mean of what all looked at alike; what they do
        not share is left out.

    Example:
        >>> beam_search(ensemble([one, other]), (state, state_of_other), …)

    Reference: self-critical's and neuraltalk2's ensembles, likewise.
    """
    if len(steps) == 1:
        return lambda tokens, states: _alone(steps[0], tokens, states)

    def step(tokens, states):
        found = [
            one(tokens, state) for one, state in zip(steps, states, strict=True)
        ]
        logs = [ops.log_softmax(logits, axis=-1) for logits, _, _ in found]
        # log of the mean, which the sum of exponentials keeps finite.
        logits = ops.logsumexp(ops.stack(logs), axis=0)
        looked = _shared([looked for _, _, looked in found])
        return logits, tuple(state for _, state, _ in found), looked

    return step


def _alone(step, tokens, states):
    logits, state, looked = step(tokens, states[0])
    return logits, (state,), looked


def _shared(looks):
    """The mean of entries that all have, in one shape."""
    shared = {}
    for name, part in looks[0].items():
        others = [look.get(name) for look in looks]
        shapes = {None if o is None else tuple(o.shape) for o in others}
        if shapes == {tuple(part.shape)}:
            shared[name] = sum(others) / len(others)
    return shared

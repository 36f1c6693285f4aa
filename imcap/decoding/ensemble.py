"""Ensembles: several models decode one caption together."""

from keras import ops


def ensemble(steps):
    """Ensemble of step functions: the mean of their probabilities.

    Args:
        steps: list of step functions as `sample` takes, of one vocabulary.

    Returns:
        A step function whose state is a tuple of the states of all. Its
        attention is the mean over all models; entries that they do not
        share, or not in one shape, are left out.

    Example:
        >>> beam_search(ensemble([one, other]), (state, state_of_other), …)

    Reference: self-critical's and neuraltalk2's ensembles, likewise.
    """
    if len(steps) == 1:
        return lambda tokens, states: _alone(steps[0], tokens, states)

    def step(tokens, states):
        outputs = [
            one(tokens, state) for one, state in zip(steps, states, strict=True)
        ]
        logs = [ops.log_softmax(logits, axis=-1) for logits, _, _ in outputs]
        # log of the mean, which the sum of exponentials keeps finite.
        logits = ops.logsumexp(ops.stack(logs), axis=0)
        attention = _mean_of_shared([attention for _, _, attention in outputs])
        return logits, tuple(state for _, state, _ in outputs), attention

    return step


def _alone(step, tokens, states):
    logits, state, attention = step(tokens, states[0])
    return logits, (state,), attention


def _mean_of_shared(attentions):
    """The mean of entries that all have, in one shape."""
    shared = {}
    for name, part in attentions[0].items():
        others = [attention.get(name) for attention in attentions]
        shapes = {None if o is None else tuple(o.shape) for o in others}
        if shapes == {tuple(part.shape)}:
            shared[name] = sum(others) / len(others)
    return shared

"""Bootstrap: how sure a score is, or the difference of two systems."""

import numpy as np

AT_ONCE = 64  # resamples, so that memory stays small


def bootstrap(values, statistic, resamples=1000, level=0.95, seed=0):
    """Confidence intervals of one system's scores.

    Args:
        values: float (N, F), what was counted of each picture.
        statistic, resamples, level, seed: see `paired_bootstrap`.

    Returns:
        Dict of float64 (S,): score, low and high.

    Raises:
        ValueError: no pictures.

    Example:
        >>> bootstrap([[0.0], [1.0]], lambda means: means)["score"]
        array([0.5])

    Reference: Efron (1979), percentile intervals.
    """
    values = np.asarray(values, "float64")
    if not len(values):
        raise ValueError("at least one picture is needed")
    draws = _draws(len(values), resamples, seed)
    low, high = _interval((statistic(d @ values) for d in draws), level)
    score = statistic(values.mean(axis=0)[None])[0]
    return {"score": score, "low": low, "high": high}


def paired_bootstrap(
    first, second, statistic, resamples=1000, level=0.95, seed=0
):
    """Confidence intervals of the difference between two systems.

    Pictures are drawn with replacement, as many as there are, the same for
    both systems; the interval is what lies between the outer quantiles of
    the differences.

    Args:
        first, second: float (N, F), what was counted of each picture.
        statistic: function of means over pictures (R, F) to (R, S).
        resamples: int R.
        level: float, share of the differences that lie in the interval.
        seed: int.

    Returns:
        Dict of float64 (S,): first, second, difference (second − first),
        low and high.

    Raises:
        ValueError: different or no pictures.

    Example:
        >>> found = paired_bootstrap(a, b, lambda means: means)
        >>> found["low"] > 0  # second is better

    Reference: Koehn (2004), "Statistical significance tests for machine
    translation evaluation"; Efron (1979) for the bootstrap.
    """
    first = np.asarray(first, "float64")
    second = np.asarray(second, "float64")
    if first.shape != second.shape or not len(first):
        raise ValueError(
            f"shapes {first.shape} and {second.shape}: the same pictures, and "
            "at least one, are needed"
        )
    low, high = _interval(
        (
            statistic(drawn @ second) - statistic(drawn @ first)
            for drawn in _draws(len(first), resamples, seed)
        ),
        level,
    )
    whole = [statistic(part.mean(axis=0)[None])[0] for part in (first, second)]
    return {
        "first": whole[0],
        "second": whole[1],
        "difference": whole[1] - whole[0],
        "low": low,
        "high": high,
    }


def _draws(count, resamples, seed):
    """Yields float (up to AT_ONCE, count), each picture's share of resamples.

    How often each picture is drawn says all there is to say.
    """
    random = np.random.default_rng(seed)
    for begin in range(0, resamples, AT_ONCE):
        size = min(AT_ONCE, resamples - begin)
        even = np.full(count, 1 / count)
        yield random.multinomial(count, even, size) / count


def _interval(estimates, level):
    """Low and high of what lies within the outer quantiles."""
    tail = (1.0 - level) / 2
    every = np.concatenate(list(estimates))
    return np.quantile(every, (tail, 1.0 - tail), axis=0)

"""Paired bootstrap: how sure the difference of two systems is."""

import numpy as np

AT_ONCE = 64  # resamples, so that memory stays small


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
    random, count = np.random.default_rng(seed), len(first)
    differences = []
    for begin in range(0, resamples, AT_ONCE):
        size = min(AT_ONCE, resamples - begin)
        # How often each picture is drawn says all there is to say.
        drawn = random.multinomial(count, np.full(count, 1 / count), size)
        differences.append(
            statistic(drawn @ second / count) - statistic(drawn @ first / count)
        )
    tail = (1.0 - level) / 2
    low, high = np.quantile(
        np.concatenate(differences), (tail, 1.0 - tail), axis=0
    )
    whole = [statistic(part.mean(axis=0)[None])[0] for part in (first, second)]
    return {
        "first": whole[0],
        "second": whole[1],
        "difference": whole[1] - whole[0],
        "low": low,
        "high": high,
    }

"""Paired bootstrap: what it measures, and what it must not depend on."""

import numpy as np
import pytest

from imcap.metrics.bootstrap import bootstrap, paired_bootstrap


def means(values):
    return values


def drawn(count=211, seed=3):
    random = np.random.default_rng(seed)
    hard = random.normal(0, 1.0, (count, 1))  # of each picture
    return hard, random


def test_interval_is_that_of_the_mean():
    """For means, theory gives the interval: 1.96 standard errors."""
    hard, random = drawn()
    first = hard + random.normal(0, 0.3, hard.shape)
    second = hard + 0.05 + random.normal(0, 0.3, hard.shape)
    found = paired_bootstrap(first, second, means, 4000)
    difference = second - first
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert found["difference"][0] == pytest.approx(difference.mean())
    assert found["second"][0] - found["first"][0] == pytest.approx(
        found["difference"][0]
    )
    for end, sign in (("low", -1), ("high", 1)):
        wanted = difference.mean() + sign * 1.96 * error
        assert found[end][0] == pytest.approx(wanted, abs=0.15 * error)


def test_pairs_count():
    """Hard pictures are hard for both: that widens nothing."""
    hard, random = drawn()
    second = hard + 0.05 + random.normal(0, 0.01, hard.shape)
    paired = paired_bootstrap(hard, second, means)
    assert 0 < paired["low"][0] < 0.05 < paired["high"][0]
    shuffled = random.permutation(second)
    apart = paired_bootstrap(hard, shuffled, means)
    assert apart["low"][0] < 0 < apart["high"][0]


def test_same_seed_same_interval_and_equal_systems_do_not_differ():
    hard, random = drawn()
    second = hard + random.normal(0, 1, hard.shape)
    one, again = (paired_bootstrap(hard, second, means, 100) for _ in range(2))
    other = paired_bootstrap(hard, second, means, 100, seed=1)
    assert one["low"] == again["low"] != other["low"]
    same = paired_bootstrap(hard, hard, means, 100)
    assert same["low"][0] == same["high"][0] == 0


def test_statistic_of_several_columns():
    hard = drawn()[0]
    first = np.concatenate([hard + 5, np.abs(hard) + 1], axis=1)
    second = first * [1.0, 2.0]
    found = paired_bootstrap(
        first, second, lambda m: m[:, :1] / m[:, 1:], resamples=65
    )
    ratio = first[:, 0].mean() / first[:, 1].mean()
    assert found["first"][0] == pytest.approx(ratio)
    assert found["second"][0] == pytest.approx(ratio / 2)
    assert found["high"][0] < 0


@pytest.mark.parametrize("shapes", [((3, 1), (4, 1)), ((0, 1), (0, 1))])
def test_shapes_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match="same pictures"):
        paired_bootstrap(*map(np.zeros, shapes), means)


def test_interval_of_one_system_is_that_of_the_mean():
    hard = drawn()[0]
    found = bootstrap(hard, means, 4000)
    error = hard.std(ddof=1) / np.sqrt(len(hard))
    assert found["score"][0] == pytest.approx(hard.mean())
    for end, sign in (("low", -1), ("high", 1)):
        wanted = hard.mean() + sign * 1.96 * error
        assert found[end][0] == pytest.approx(wanted, abs=0.15 * error)
    with pytest.raises(ValueError, match="at least one picture"):
        bootstrap(hard[:0], means)

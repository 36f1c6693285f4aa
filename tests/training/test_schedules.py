"""Learning rates at chosen steps."""

import keras
import numpy as np
import pytest

from imcap.training.schedules import Schedule


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


def test_constant():
    np.testing.assert_allclose(
        rates(Schedule("constant", 5e-4), [0, 7, 10**6]), 5e-4
    )


def test_step_falls_every_few_epochs_from_a_start():
    schedule = Schedule(
        "step",
        4e-4,
        steps_per_epoch=7,
        decay_start=2,
        decay_every=3,
        decay_rate=0.8,
    )
    epochs = np.arange(12)
    expected = 4e-4 * 0.8 ** np.maximum((epochs - 2) // 3, 0)
    np.testing.assert_allclose(rates(schedule, epochs * 7), expected, 1e-5)
    # The whole of an epoch has one rate.
    np.testing.assert_allclose(rates(schedule, epochs * 7 + 6), expected, 1e-5)


def test_step_never_falls_by_default():
    schedule = Schedule("step", 1e-3, steps_per_epoch=1)
    np.testing.assert_allclose(rates(schedule, [0, 100]), 1e-3)


def test_noam_peaks_at_the_end_of_the_warmup():
    warmup, width, factor = 10000, 512, 1.0
    schedule = Schedule("noam", 123.0, warmup=warmup, width=width)
    number = np.array([1, 2, 5000, warmup, warmup + 1, 10**6])
    expected = (
        factor * width**-0.5 * np.minimum(number**-0.5, number * warmup**-1.5)
    )
    found = rates(schedule, number - 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.argmax() == 3
    np.testing.assert_allclose(found.max(), 4.4e-4, rtol=0.01)
    twice = Schedule("noam", 0.0, warmup=warmup, width=width, factor=2.0)
    np.testing.assert_allclose(rates(twice, number - 1), 2 * found, rtol=1e-6)


def test_cosine_ends_at_nothing():
    schedule = Schedule("cosine", 1e-3, steps_per_epoch=5, epochs=4)
    found = rates(schedule, [0, 10, 20, 30])
    np.testing.assert_allclose(found, [1e-3, 5e-4, 0, 0], atol=1e-9)


@pytest.mark.parametrize("kind", ["constant", "step", "cosine"])
def test_warmup_grows_to_the_rate(kind):
    plain = Schedule(kind, 1e-3, steps_per_epoch=100, epochs=3)
    warm = Schedule(kind, 1e-3, steps_per_epoch=100, epochs=3, warmup=4)
    steps = np.arange(8)
    share = np.minimum(1, (steps + 1) / 4)
    expected = rates(plain, steps) * share
    np.testing.assert_allclose(rates(warm, steps), expected, rtol=1e-5)


def test_config_round_trip():
    schedule = Schedule("step", 1e-3, 7, decay_start=1, warmup=3)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(
        rates(again, range(50)), rates(schedule, range(50))
    )


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="unknown schedule"):
        Schedule("linear", 1e-3)
    with pytest.raises(ValueError, match="warm-up"):
        Schedule("noam", 1e-3)

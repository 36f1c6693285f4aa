"""Ids of two sources meet where it is clear that they are the same."""

import numpy as np
import pytest

from imcap.data.features.store import FeatureStore
from imcap.data.ids import IdIndex, plain_id, show_ids


@pytest.mark.parametrize(
    ("image_id", "plain"),
    [
        (1, "1"), ("1", "1"), ("000001", "1"), ("1.0", "1"), (0, "0"),
        ("000", "0"), ("1.5", "1.5"), ("a01", "a01"), ("-1", "-1"),
        ("", ""), ("٠٣", "٠٣"),
    ],
)  # fmt: skip
def test_plain_id(image_id, plain):
    assert plain_id(image_id) == plain


@pytest.mark.parametrize("known", [1, "1", "000001", "1.0"])
@pytest.mark.parametrize("asked", [1, "1", "000001", "1.0"])
def test_numbers_meet_by_value(known, asked):
    index = IdIndex(["dog", known])
    assert index.get(asked) == 1
    assert index.known([asked, "cat"]) == {asked}


def test_exact_ids_win():
    index = IdIndex([1, "01"])
    assert (index.get("1"), index.get("01"), index.get("001")) == (0, 1, None)


def test_two_that_mean_one_get_neither():
    index = IdIndex([7])
    assert index.known(["007", "07"]) == set()
    assert index.known(["007", 7]) == {7}
    assert index.known(["007"]) == {"007"}


def test_features_by_the_value_of_an_id(tmp_path):
    for name in ("000001", "dog"):
        np.save(tmp_path / f"{name}.npy", np.ones((2, 3), "float32"))
    store = FeatureStore.open(tmp_path)
    assert store.read([1, "dog"])[0].shape == (2, 2, 3)
    assert store.known([1, 2]) == {1} and 1 in store and 2 not in store


def test_samples_of_ids():
    assert show_ids([1, "a"]) == "1, 'a'"
    assert show_ids(range(40)) == "0, 1, 2, … of 40"

"""Ids of two sources meet where it is clear that they are the same."""

import unicodedata

import numpy as np
import pytest

from imcap.data.features.store import FeatureStore
from imcap.data.ids import (
    IdIndex,
    coco_number,
    picture_id,
    plain_id,
    server_ids,
    show_ids,
)

NFC = unicodedata.normalize("NFC", "café")
NFD = unicodedata.normalize("NFD", NFC)


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


@pytest.mark.parametrize(
    ("image_id", "plain"),
    [
        ("dog.jpg", "dog"), ("Dog.JPEG", "dog"), ("cat\\Dog.png", "cat/dog"),
        ("./a.webp", "a"), ("000042.jpg", "42"), (42, "42"), ("7.0", "7"),
        ("COCO_val2014_000000000042", "42"), ("v1.5", "v1.5"),
        ("val2014/COCO_val2014_000000000042.jpg", "42"),
        ("COCO_val2014_42", "coco_val2014_42"), (NFD, "café"),
        ("١٢", "١٢"), ("", ""), (".jpg", ""),
    ],
)  # fmt: skip
def test_picture_id(image_id, plain):
    assert picture_id(image_id) == plain


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (NFC, NFD), (NFD, NFC), ("photo.JPG", "photo"), ("photo", "photo.jpg"),
        ("Photo", "photo"), ("cat/1", "cat\\1"), ("000042.jpg", 42),
        ("COCO_train2014_000000000042", 42),
        (42, "train/COCO_train2014_000000000042.jpg"),
    ],
)  # fmt: skip
def test_ids_meet_by_what_they_mean(known, asked):
    index = IdIndex(["other", known])
    assert index.get(asked) == 1
    assert index.known([asked, "none"]) == {asked}


def test_ids_that_mean_two_find_none():
    index = IdIndex(["dog.jpg", "dog.png", "Cat"])
    assert index.get("dog") is None
    assert index.get("dog.png") == 1
    assert index.known(["cat", "CAT"]) == set()
    assert index.known(["cat", "Cat"]) == {"Cat"}


def test_rows_by_the_files_of_pictures():
    index = IdIndex(["a", "b.JPG", "deep/c", "42"])
    names = ["x/a.jpg", "x\\B.jpg", "c.jpg", "COCO_val2014_000000000042.jpg"]
    assert index.match_files(names) == {name: i for i, name in enumerate(names)}
    # Of equal names in two folders none is taken.
    assert index.match_files(["x/a.jpg", "y/a.jpg"]) == {}
    assert index.match_files(["deep/c.jpg", "y/c.jpg"]) == {"deep/c.jpg": 2}
    index = IdIndex(["in/a", "in/b", "in/c", "d", "more/d"])
    names = ["a.JPG", "x/b.jpg", "c.jpg", "d.jpg"]
    assert index.match_files(names) == {names[row]: row for row in range(3)}


def folder_of_features(folder, *names):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        np.save(folder / f"{name}.npy", np.full((2, 3), number, "float32"))
    return FeatureStore.open(folder)


def test_features_named_after_files(tmp_path):
    store = folder_of_features(tmp_path / "f", "Dog", "cat.jpg", "bird")
    ids, files = [100, 101, 102], ["x/dog.JPG", "x/cat.jpg", "x/fish.jpg"]
    assert store.known(ids) == set()
    store.match_files(ids, files)
    assert store.known(ids) == {100, 101} and 102 not in store
    features, _ = store.read([101, 100])
    assert features[:, 0, 0].tolist() == [1, 0]
    assert (store.id_of(100), store.ids[store.row_of(101)]) == (
        "Dog",
        "cat.jpg",
    )
    (note,) = store.notes
    assert "no picture has features by its id, 2 of 3 by the name" in note


def test_ids_count_before_names_of_files(tmp_path):
    store = folder_of_features(tmp_path / "f", "1", "2", "3")
    store.match_files([1, 2, 9], ["2.jpg", "1.jpg", "3.jpg"])
    assert store.known([1, 2, 9]) == {1, 2}
    assert store.read([1])[0].max() == 0
    (note,) = store.notes
    assert "2 pictures would have features of other ids" in note


def test_nothing_is_said_where_ids_and_files_agree(tmp_path):
    store = folder_of_features(tmp_path / "f", "000000000042", "7")
    store.match_files([42, 7], ["COCO_val2014_000000000042.jpg", "a.jpg"])
    assert store.known([42, 7]) == {42, 7}
    assert store.notes == ()


@pytest.mark.parametrize(
    "name, number",
    [
        ("COCO_test2014_000000000042.jpg", 42),
        ("test2014/000000000042.png", 42),
        ("val2014\\COCO_val2014_000000000042.jpg", 42),
        ("000000000042", 42),
        ("42.jpg", None),
        ("IMG_20240101.jpg", None),
        ("IMG_202012311259.jpg", None),
        ("202012311259.jpg", None),
        ("photo_000000000042.jpg", None),
        ("COCO_val2014_٠٠٠٠٠٠٠٠٠٠٤٢.jpg", None),
        ("coco_train2017_000000581929.jpg", 581929),
    ],
)
def test_number_in_a_file_name_of_coco(name, number):
    assert coco_number(name) == number


@pytest.mark.parametrize(
    "ids, wanted",
    [
        ([3, 1], [3, 1]),
        (["COCO_test2014_000000000042", "000000000007"], [42, 7]),
        (["000000000042", "dog"], ["000000000042", "dog"]),
        (["a/000000000042.jpg", "b/000000000042.jpg"],) * 2,
        (["IMG_202012311259.jpg"],) * 2,
        (["202012311259", "202012311300"],) * 2,
        (["1.0", "22.0", "007.00"], [1, 22, 7]),
        (["1.0", 2, "COCO_val2014_000000000042"], [1, 2, 42]),
        (["1.0", "1.00"],) * 2,
        (["1.0", "dog"],) * 2,
        (["1.5", "2.0"],) * 2,
        (["99999999999999999999.0"],) * 2,
        ([], []),
    ],
)
def test_ids_for_servers(ids, wanted):
    assert server_ids(ids) == wanted

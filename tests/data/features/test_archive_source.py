"""One .npz of all pictures."""

import pickle

import numpy as np
import pytest

from imcap.data.features.store import FeatureStore
from imcap.errors import InputError

COUNT, LOCATIONS, CHANNELS = 4, 6, 5
SAVERS = [np.savez, np.savez_compressed]


@pytest.fixture
def values():
    generator = np.random.default_rng(3)
    shape = (COUNT, LOCATIONS, CHANNELS)
    return generator.normal(size=shape).astype("float32")


@pytest.mark.parametrize("save", SAVERS)
def test_an_array_a_picture(tmp_path, values, save):
    parts = {"9": values[0], "b.jpg": values[1, :2], "cat%2F1": values[2]}
    save(tmp_path / "all.npz", **parts)
    store = FeatureStore.open(tmp_path / "all.npz")
    assert store.ids == ["9", "b.jpg", "cat/1"]
    for one in (store, pickle.loads(pickle.dumps(store))):
        features, mask = one.read(["cat/1", "b.jpg", 9])
        assert mask.sum(axis=1).tolist() == [LOCATIONS, 2, LOCATIONS]
        np.testing.assert_array_equal(features[[2, 0]], values[[0, 2]])
        np.testing.assert_array_equal(features[1, :2], values[1, :2])


@pytest.mark.parametrize("save", SAVERS)
@pytest.mark.parametrize("key", ["features", "x", "feat", "arr_0"])
def test_one_array_and_ids(tmp_path, values, save, key):
    path = tmp_path / "all.npz"
    maps = np.asfortranarray(values.reshape(COUNT, 2, 3, CHANNELS))
    for ids in (["a", "b", "c", "d"], [[3], [1], [4], [2]], None):
        more = {} if ids is None else {"image_ids": ids}
        save(path, **{key: maps}, **more)
        store = FeatureStore.open(path)
        names = list(range(COUNT)) if ids is None else np.ravel(ids).tolist()
        assert store.ids == names
        assert store.grid_of(names[1]) == (2, 3)
        features, _ = store.read(names[1:3])
        np.testing.assert_array_equal(features, values[1:3])
    (tmp_path / "all_ids.txt").write_text("w\nx\ny\nz\n")
    assert FeatureStore.open(path).row_of("y") == 2


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({}, "no features in it"),
        ({"ids": [1]}, "no features in it"),
        ({"7": np.zeros((2, 3), int)}, "7: holds int64"),
        ({"7": np.zeros((2, 3)), "8": np.zeros((2, 4))}, "4 channels"),
        ({"7": np.zeros((2048, 36))}, "transposed"),
        ({"x": np.zeros((2, 2048, 36))}, "transposed"),
        ({"x": np.zeros((2, 3, 4)), "ids": [1]}, "1 ids for"),
        ({"x": np.zeros((2, 3, 4)), "ids": [1, 1]}, "occurs twice"),
        ({"x": np.zeros((2, 3, 4)), "ids": [1.5, 2]}, "id 0 is 1.5"),
        ({"x": np.zeros((2, 3, 4), complex)}, "holds complex128"),
    ],
)
def test_refused(tmp_path, parts, reason):
    path = tmp_path / "all.npz"
    np.savez(path, **parts)
    with pytest.raises(InputError, match=rf"all\.npz.*{reason}") as caught:
        FeatureStore.open(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_cut_short(tmp_path, values, share):
    path = tmp_path / "all.npz"
    np.savez(path, x=values)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"all\.npz: damaged"):
        FeatureStore.open(path)


def test_packed_features_that_fill_the_memory(tmp_path, values, monkeypatch):
    path = tmp_path / "all.npz"
    np.savez_compressed(path, x=values)
    monkeypatch.setattr("imcap.data.features.archive_source.LARGEST", 100)
    with pytest.raises(InputError, match="packed, do not fit"):
        FeatureStore.open(path)
    np.savez(path, x=values)
    np.testing.assert_array_equal(
        FeatureStore.open(path).read([3])[0][0], values[3]
    )

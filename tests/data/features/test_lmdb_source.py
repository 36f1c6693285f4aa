"""Features in LMDB."""

import io
import pickle
import sys

import numpy as np
import pytest

from imcap.data.features.store import FeatureStore
from imcap.errors import InputError

WITHOUT = "lmdb is not installed: pip install 'imcap[lmdb]'"
CHANNELS = 5


@pytest.fixture
def lmdb():
    return pytest.importorskip("lmdb", reason=WITHOUT)


@pytest.fixture
def values():
    generator = np.random.default_rng(3)
    return generator.normal(size=(3, 4, CHANNELS)).astype("float32")


def as_npy(array):
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def as_npz(**arrays):
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()


def write(lmdb, path, entries, **options):
    with (
        lmdb.open(str(path), map_size=1 << 26, **options) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in entries.items():
            transaction.put(key.encode(), value)
    return path


def entries(values):
    return {
        "391895": as_npz(feat=values[0]),
        "522418": as_npz(x=values[1, :3], bbox=np.ones((3, 4))),
        "9.npy": as_npy(values[2].reshape(2, 2, -1)),
        "__keys__": pickle.dumps(["391895"]),
        "db_type": b"lmdb",
    }


@pytest.mark.parametrize("is_folder", [True, False])
def test_features_by_id(tmp_path, lmdb, values, is_folder):
    path = tmp_path / "coco.lmdb"
    write(lmdb, path, entries(values), subdir=is_folder)
    store = FeatureStore.open(path)
    assert store.ids == ["391895", "522418", "9"]
    assert (store.channels, store.fixed_locations) == (CHANNELS, False)
    assert store.grid_of(9) == (2, 2)
    features, mask = store.read([522418, 391895, 9])
    assert mask.sum(axis=1).tolist() == [3, 4, 4]
    np.testing.assert_array_equal(features[1:], values[[0, 2]])
    np.testing.assert_array_equal(features[0, :3], values[1, :3])


def test_it_is_opened_twice_and_passes_to_a_process(tmp_path, lmdb, values):
    path = write(lmdb, tmp_path / "db", entries(values))
    store, again = FeatureStore.open(path), FeatureStore.open(path)
    passed = pickle.loads(pickle.dumps(store))
    for one in (store, again, passed):
        np.testing.assert_array_equal(one.read([391895])[0][0], values[0])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (pickle.dumps({"features": 1}), "7: holds a pickle"),
        (b"jpeg", "7: damaged"),
        (b"PK\x03\x04 cut short", "7: damaged"),
        (as_npz(bbox=np.ones((2, 4))), "7: damaged .*no key 'feat'"),
        (as_npy(np.zeros((2, 3), "int64")), "7: holds int64"),
        (as_npy(np.zeros((2048, 36))), "7: shape .* transposed"),
        (as_npy(np.zeros((2, 3)))[:-4], "7: damaged"),
        (as_npy(np.full((2, 3), np.nan)), "7: features: .*not finite"),
    ],
)
def test_other_values_are_refused(tmp_path, lmdb, value, reason):
    path = write(lmdb, tmp_path / "db", {"7": value})
    with pytest.raises(InputError, match=reason) as caught:
        FeatureStore.open(path).read([7])
    assert "\n" not in str(caught.value)


def test_nothing_in_it(tmp_path, lmdb):
    path = write(lmdb, tmp_path / "db", {"__len__": b"0"})
    with pytest.raises(InputError, match="no features in it"):
        FeatureStore.open(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, 0.95])
def test_cut_short(tmp_path, lmdb, share):
    many = {str(i): as_npy(np.ones((50, 50))) for i in range(40)}
    path = write(lmdb, tmp_path / "db", many)
    data = (path / "data.mdb").read_bytes()
    (path / "data.mdb").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"db: (cut short|not a whole LMDB)"):
        FeatureStore.open(path)


def test_the_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lmdb", None)
    (tmp_path / "data.mdb").touch()
    with pytest.raises(InputError, match=r"pip install 'imcap\[lmdb\]'"):
        FeatureStore.open(tmp_path)

"""Features in folders and arrays of other people's making."""

import json

import numpy as np
import pytest

from imcap.data.features.store import FeatureStore
from imcap.errors import InputError

COUNT, LOCATIONS, CHANNELS = 7, 6, 5


@pytest.fixture
def values():
    generator = np.random.default_rng(5)
    return generator.normal(size=(COUNT, LOCATIONS, CHANNELS))


def test_folder_of_regions(tmp_path, values):
    np.savez(tmp_path / "3.npz", feat=values[0].astype("float32"))
    np.savez_compressed(tmp_path / "40.npz", z=values[1, :2].astype("f4"))
    np.save(tmp_path / "x.npy", values[2].reshape(2, 3, -1).astype("f4"))
    store = FeatureStore.open(tmp_path)
    assert store.ids == ["3", "40", "x"]
    assert (store.locations, store.fixed_locations) == (LOCATIONS, False)
    features, mask = store.read([40, 3])
    assert mask.sum(axis=1).tolist() == [2, LOCATIONS]
    np.testing.assert_array_equal(features[0, :2], values[1, :2].astype("f4"))
    assert not features[0, 2:].any()
    np.testing.assert_array_equal(
        store.read(["x"])[0][0], values[2].astype("f4")
    )
    np.testing.assert_allclose(
        store.read_pooled([40])[0], values[1, :2].mean(axis=0), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.npz", b"PK\x03\x04 cut short"),
        ("b.npz", b""),
        ("b.npy", b"\x93NUMPY\x01\x00v\x00{'descr'"),
    ],
)
def test_truncated_file_in_a_folder(tmp_path, values, name, content):
    np.savez(tmp_path / "a.npz", feat=values[0])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: damaged"):
        FeatureStore.open(tmp_path)


def test_body_cut_short_is_found_when_read(tmp_path, values):
    np.save(tmp_path / "a.npy", values[0])
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-9])
    store = FeatureStore.open(tmp_path)
    with pytest.raises(InputError, match=r"a\.npy: damaged"):
        store.read(["a"])


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"feat": np.zeros((2, 4))}, "4 channels, a.npz has 5"),
        ({"feat": np.zeros(5)}, "shape"),
        ({"feat": np.zeros((2, 5), "int32")}, "int32"),
        ({"other": np.zeros((2, 5))}, "no key 'feat'"),
    ],
)
def test_wrong_file_in_a_folder(tmp_path, arrays, reason):
    np.savez(tmp_path / "a.npz", feat=np.zeros((2, 5)))
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(InputError, match=rf"b\.npz: .*{reason}"):
        FeatureStore.open(tmp_path)


def test_not_a_number(tmp_path, values):
    values[1, 0, 0] = np.nan
    np.save(tmp_path / "all.npy", values)
    store = FeatureStore.open(tmp_path / "all.npy")
    store.read([0])
    with pytest.raises(InputError, match="row 1: a value is not finite"):
        store.read([1])


def test_stacked_array_with_and_without_ids(tmp_path, values):
    path = tmp_path / "all.npy"
    np.save(path, values.reshape(COUNT, 2, 3, CHANNELS).astype("float16"))
    store = FeatureStore.open(path)
    assert store.ids == list(range(COUNT))
    assert store.locations == LOCATIONS
    names = [f"n{number}" for number in range(COUNT)]
    (tmp_path / "all_ids.json").write_text(json.dumps(names))
    assert FeatureStore.open(path).row_of("n4") == 4
    (tmp_path / "all_ids.txt").write_text("\n".join(reversed(names)) + "\n")
    store = FeatureStore.open(path)
    features, _ = store.read(["n6"])
    np.testing.assert_array_equal(features[0], values[0].astype("f2"))
    (tmp_path / "all_ids.txt").write_text("one\n")
    with pytest.raises(InputError, match="does not list 7 ids"):
        FeatureStore.open(path)


def test_wrong_paths(tmp_path):
    with pytest.raises(InputError, match="no such feature file"):
        FeatureStore.open(tmp_path / "none.h5")
    with pytest.raises(InputError, match=r"no \.npz"):
        FeatureStore.open(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="not a feature file"):
        FeatureStore.open(tmp_path / "a.txt")

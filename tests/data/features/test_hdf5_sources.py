"""Features in HDF5 files that others made."""

import pickle

import h5py
import numpy as np
import pytest

from imcap.data.features.store import FeatureStore
from imcap.errors import InputError

COUNT, LOCATIONS, CHANNELS = 4, 9, 5


@pytest.fixture
def values():
    generator = np.random.default_rng(3)
    shape = (COUNT, LOCATIONS, CHANNELS)
    return generator.normal(size=shape).astype("float32")


def write(path, parts, **options):
    with h5py.File(path, "w") as file:
        for name, part in parts.items():
            file.create_dataset(name, data=part, **options)
    return path


def check(store, image_ids, values):
    """The features of some ids are these, read in one go and one by one."""
    features, mask = store.read(image_ids)
    np.testing.assert_array_equal(features, values)
    assert mask.all()
    np.testing.assert_allclose(
        store.read_pooled(image_ids), values.mean(axis=1), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("ending", "more"),
    [
        ("_features", ("_boxes", "_cls_prob", "_grids")),
        ("_grids", ("_boxes",)),
        ("", ()),
        ("/features", ("/boxes",)),
        ("/feat", ("/x_min",)),
    ],
)
def test_a_dataset_a_picture(tmp_path, values, ending, more):
    ids = [9, 391895, 522418, 184613]
    parts = {f"{i}{ending}": row for i, row in zip(ids, values, strict=True)}
    parts |= {f"{i}{one}": np.ones((3, 4)) for i in ids for one in more}
    store = FeatureStore.open(write(tmp_path / "coco.hdf5", parts))
    assert set(store.ids) == {str(i) for i in ids}
    assert (store.locations, store.channels) == (LOCATIONS, CHANNELS)
    check(store, ids, values)
    assert store.grid_of(9) == ((3, 3) if ending == "_grids" else None)


def test_regions_of_different_numbers(tmp_path, values):
    parts = {"1_features": values[0], "2_features": values[1, :4]}
    store = FeatureStore.open(write(tmp_path / "coco.hdf5", parts))
    assert not store.fixed_locations
    features, mask = store.read([2, 1])
    assert mask.sum(axis=1).tolist() == [4, LOCATIONS]
    np.testing.assert_array_equal(features[0, :4], values[1, :4])


def test_maps_by_the_names_of_files(tmp_path, values):
    names = ["a.jpg", "b.jpg", "deep/c.jpg", "d.PNG"]
    maps = values.reshape(COUNT, 3, 3, CHANNELS)
    parts = dict(zip(names, maps, strict=True))
    store = FeatureStore.open(write(tmp_path / "maps.h5", parts))
    check(store, names, values)
    assert store.grid_of("deep/c.jpg") == (3, 3)


@pytest.mark.parametrize(
    "ids", [[7, 3, 5, 9], [[7], [3], [5], [9]], [7.0, 3.0, 5.0, 9.0]]
)
@pytest.mark.parametrize("name", ["features", "att_feats", "resnet"])
def test_one_dataset_and_ids(tmp_path, values, ids, name):
    path = write(tmp_path / "f.h5", {name: values, "image_ids": ids})
    store = FeatureStore.open(path)
    assert store.ids == [7, 3, 5, 9]
    check(store, [3, 9], values[[1, 3]])


def test_one_dataset_with_names_packed(tmp_path, values):
    names = ["ä.jpg", "b.jpg", "c.jpg", "d.jpg"]
    path = write(
        tmp_path / "f.h5",
        {"grids": values.reshape(COUNT, 3, 3, CHANNELS), "filenames": names},
    )
    store = FeatureStore.open(path)
    assert (store.ids, store.grid_of("b.jpg")) == (names, (3, 3))
    check(store, ["ä.jpg"], values[:1])
    path = write(tmp_path / "g.h5", {"x": values}, compression="gzip")
    check(FeatureStore.open(path), [2, 0], values[[2, 0]])


def test_ids_beside_the_file(tmp_path, values):
    path = write(tmp_path / "f.h5", {"maps": values[:, :, None]})
    (tmp_path / "f_ids.txt").write_text("\ufeffp\nq\nr\ns\n", "utf-8")
    check(FeatureStore.open(path), ["p", "s"], values[[0, 3]])


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({}, "no features in it, but nothing"),
        ({"images": np.zeros(3)}, r"images: shape \(3,\)"),
        ({"1_features": np.zeros((2, 3), int)}, "1_features: holds int64"),
        ({"1_features": np.zeros((2, 3), complex)}, "holds complex128"),
        ({"1_features": np.full((2, 3), b"text")}, "holds text"),
        ({"1": np.zeros((2, 3)), "2": np.zeros((2, 4))}, "4 channels, .* 3"),
        ({"1": np.zeros((2048, 36))}, r"\(D, k\), transposed.*\(1, 0\)"),
        ({"1": np.zeros((64, 7, 7))}, r"\(D, h, w\), transposed"),
        ({"x": np.zeros((2, 512, 7, 7))}, r"\(D, h, w\), transposed"),
        ({"x": np.zeros((2, 2048, 36))}, r"\(D, k\), transposed"),
        ({"x": np.zeros((2, 5, 4)), "ids": [1]}, "1 ids for x"),
        ({"x": np.zeros((2, 5, 4)), "ids": [1, 1]}, "an id occurs twice"),
        ({"x": np.zeros((2, 5)), "ids": [1, 2]}, r"expected \(n, K, D\)"),
        ({"x": np.full((2, 5, 4), b"a"), "ids": [1, 2]}, "holds text"),
        ({"x": np.zeros((2, 5, 4), "int8")}, "holds int8"),
        ({"x": np.zeros((2, 5, 4)), "ids": [1.5, 2]}, "id 0 is 1.5"),
    ],
)
def test_refused(tmp_path, parts, reason):
    path = write(tmp_path / "f.h5", parts)
    with pytest.raises(InputError, match=rf"f\.h5: .*{reason}") as caught:
        FeatureStore.open(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["features", "1_features", "1/x"])
def test_text_of_any_length(tmp_path, name):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset(name, (2, 3, 4), h5py.string_dtype())
    with pytest.raises(InputError, match="holds text"):
        FeatureStore.open(tmp_path / "f.h5")


@pytest.mark.parametrize("name", ["features", "7_features"])
def test_other_files_are_not_followed(tmp_path, values, name):
    write(tmp_path / "other.h5", {"x": values})
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file[name] = h5py.ExternalLink("other.h5", "x")
    with pytest.raises(InputError, match=r"another file, other\.h5"):
        FeatureStore.open(tmp_path / "f.h5")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        raw = [(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(name, (2, 3, 4), "float32", external=raw)
    with pytest.raises(InputError, match="in other files"):
        FeatureStore.open(tmp_path / "f.h5")


def test_float64_is_read_as_float32_and_said(tmp_path, values):
    wide = values.astype("float64")
    path = write(tmp_path / "f.h5", {"1": wide[0], "2": wide[1]})
    store = FeatureStore.open(path)
    (note,) = store.notes
    assert note.startswith(f"{path}: features are float64")
    features, _ = store.read([1, 2])
    assert features.dtype == "float32"
    np.testing.assert_array_equal(features, values[:2])
    path = write(tmp_path / "g.h5", {"x": values})
    assert "are float64" not in str(FeatureStore.open(path).notes)


def test_a_value_that_is_not_finite(tmp_path, values):
    values[1, 2, 3] = np.inf
    path = write(tmp_path / "f.h5", {"1_features": values[1]})
    with pytest.raises(InputError, match="1_features: features: a value"):
        FeatureStore.open(path).read([1])
    path = write(tmp_path / "f.h5", {"features": values})
    store = FeatureStore.open(path)
    store.read([0])
    with pytest.raises(InputError, match="row 1: a value"):
        store.read([1])


def test_cut_short(tmp_path, values):
    path = write(
        tmp_path / "f.h5", {f"{i}": row for i, row in enumerate(values)}
    )
    data = path.read_bytes()
    for share in (0, 0.2, 0.6, 0.95):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(InputError, match="not a whole HDF5 file"):
            FeatureStore.open(path)


def test_a_store_passes_to_another_process(tmp_path, values):
    path = write(tmp_path / "f.h5", {"1": values[0]})
    store = FeatureStore.open(path)
    check(store, [1], values[:1])
    check(pickle.loads(pickle.dumps(store)), [1], values[:1])

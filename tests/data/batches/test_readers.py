"""Positions beside stored features, with and without the cache."""

import numpy as np
import pytest

from helpers.tiny_data import write_crops, write_features
from imcap.data.batches.readers import AugmentedFeatures, StoredFeatures
from imcap.data.features.boxes import cell_boxes, grid_vectors
from imcap.data.features.store import FeatureStore
from imcap.errors import InputError

COUNTS = {"a": 3, "b": 5, "c": 2}
GRIDS = 9


@pytest.fixture
def regions(tmp_path):
    """A folder of regions with their relative boxes."""
    rng = np.random.default_rng(3)
    (tmp_path / "att").mkdir()
    (tmp_path / "boxes").mkdir()
    boxes = {}
    for name, count in COUNTS.items():
        features = rng.normal(size=(count, 7)).astype("float32")
        np.savez(tmp_path / "att" / f"{name}.npz", feat=features)
        corners = np.sort(rng.uniform(size=(count, 2, 2)), axis=1)
        boxes[name] = corners.reshape(count, 4).astype("float32")
        np.save(tmp_path / "boxes" / f"{name}.npy", boxes[name])
    return tmp_path, boxes


def located(store, kind, num_grids=144, folder=None, cache=False):
    read = StoredFeatures(store, cache=cache)
    read.locate(kind, num_grids, folder)
    return read


def reader(folder, positions=None, cache=False):
    store = FeatureStore.open(folder / "att")
    return located(store, positions, GRIDS, folder / "boxes", cache)


@pytest.mark.parametrize("cache", [False, True])
def test_positions_are_padded_like_the_features(regions, cache):
    folder, boxes = regions
    read = reader(folder, positions="boxes", cache=cache)
    for ids in (["c", "b", "a"], ["a", "c"], ["b"], ["a", "c"]):
        inputs = read(ids)
        longest = max(COUNTS[name] for name in ids)
        assert inputs["features"].shape == (len(ids), longest, 7)
        assert inputs["positions"].shape == (len(ids), longest, 4)
        assert inputs["positions"].dtype == np.float32
        for row, name in enumerate(ids):
            placed = inputs["positions"][row]
            np.testing.assert_array_equal(placed[: COUNTS[name]], boxes[name])
            assert not placed[COUNTS[name] :].any()
            assert inputs["mask"][row].sum() == COUNTS[name]


@pytest.mark.parametrize("cache", [False, True])
def test_grid_vectors_on_the_fly(regions, cache):
    folder, boxes = regions
    placed = reader(folder, positions="grid", cache=cache)(["b"])["positions"]
    np.testing.assert_allclose(placed[0], grid_vectors(boxes["b"], GRIDS))


def test_the_cache_needs_no_file_again(regions):
    folder, boxes = regions
    kept = reader(folder, positions="boxes", cache=True)
    fresh = reader(folder, positions="boxes")
    kept(["a"])
    (folder / "boxes" / "a.npy").unlink()
    np.testing.assert_array_equal(kept(["a"])["positions"][0], boxes["a"])
    with pytest.raises(InputError, match=r"a\.npy: no such file"):
        fresh(["a"])


@pytest.mark.parametrize("cache", [False, True])
def test_other_regions(regions, cache):
    folder, boxes = regions
    np.save(folder / "boxes" / "a.npy", boxes["b"])
    with pytest.raises(InputError, match=r"a\.npy: .*have 3.*same regions"):
        reader(folder, positions="boxes", cache=cache)(["b", "a"])


@pytest.mark.parametrize("cache", [False, True])
def test_a_map_has_cells(tmp_path, cache):
    store = FeatureStore.open(write_features(tmp_path / "f.h5", images=3))
    inputs = located(store, "boxes", cache=cache)([101, 100])
    assert set(inputs) == {"features", "positions"}
    expected = np.stack([cell_boxes(1, 7)] * 2)
    np.testing.assert_array_equal(inputs["positions"], expected)
    read = located(store, "grid", 4, cache=cache)
    assert read([101])["positions"].shape == (1, 7, 4)


def test_no_positions_unless_asked_for(regions, tmp_path):
    folder, _ = regions
    store = FeatureStore.open(folder / "att")
    assert set(StoredFeatures(store)(["a"])) == {"features", "mask"}
    with pytest.raises(InputError, match="do not say where"):
        located(store, "boxes")


def test_positions_travel_through_the_pipeline(regions):
    # Batches differ in K; P must stay known to a compiled model.
    from imcap.data.batches.epochs import batch_stream

    tf = pytest.importorskip("tensorflow")
    folder, _ = regions
    read = reader(folder, positions="grid")
    batches = [["c", "a"], ["b"]]
    stream = batch_stream(
        tf.data.Dataset.range(2), lambda n: read(batches[n]), read(batches[0])
    )
    assert stream.element_spec["positions"].shape.as_list() == [
        None, None, GRIDS,
    ]  # fmt: skip
    lengths = [batch["positions"].shape[1] for batch in stream]
    assert lengths == [3, 5]


def test_a_picture_or_one_of_its_views_is_read(tmp_path):
    store = FeatureStore.open(write_features(tmp_path / "f.h5", images=3))
    crops = FeatureStore.open(write_crops(store, tmp_path / "crops.h5"))
    for cache in (False, True):
        read = AugmentedFeatures(StoredFeatures(store, cache=cache), crops)
        plain = store.read(store.ids)[0]
        rng = np.random.default_rng(0)
        counts = np.zeros(3, int)
        for _ in range(200):
            shift = read(store.ids, rng)["features"] - plain
            rounded = np.round(shift[:, 0, 0]).astype(int)
            expected = np.broadcast_to(rounded[:, None, None], shift.shape)
            np.testing.assert_allclose(shift, expected, atol=1e-5)
            counts += np.bincount(rounded, minlength=3)
        assert counts.min() > 150  # of 600, 200 each


def test_which_pictures_have_views(tmp_path):
    few = FeatureStore.open(write_features(tmp_path / "few.h5", images=2))
    more = FeatureStore.open(write_features(tmp_path / "more.h5", images=3))
    crops = FeatureStore.open(write_crops(few, tmp_path / "crops.h5"))
    read = AugmentedFeatures(StoredFeatures(more), crops)
    assert [name in read for name in more.ids] == [True, True, False]
    rng = np.random.default_rng(0)
    plain = more.read([102])[0]
    for _ in range(20):
        np.testing.assert_array_equal(read([102], rng)["features"], plain)


def test_other_features_are_no_views(tmp_path):
    store = FeatureStore.open(write_features(tmp_path / "f.h5", images=3))
    read = StoredFeatures(store)
    with pytest.raises(InputError, match="--augment"):
        AugmentedFeatures(read, store)
    path = write_crops(store, tmp_path / "crops.h5", name="another network")
    other = FeatureStore.open(path)
    with pytest.raises(InputError, match="no crops of the pictures"):
        AugmentedFeatures(read, other)


def test_features_that_may_be_transposed_are_called_so(tmp_path):
    np.save(tmp_path / "1.npy", np.zeros((5, 7), "float32"))
    store = FeatureStore.open(tmp_path)
    with pytest.raises(InputError, match=r"7 wide, .* on 5; perhaps .*transp"):
        StoredFeatures(store, 5)
    with pytest.raises(InputError, match=r"7 wide, .* on 6; extract them"):
        StoredFeatures(store, 6)

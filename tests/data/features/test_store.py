"""Features come back as they were written, or with a reason why not."""

import itertools
import threading

import h5py
import numpy as np
import pytest

from imcap.data.features.folder_writer import FeatureFolderWriter
from imcap.data.features.store import FeatureStore
from imcap.data.features.writer import FeatureWriter
from imcap.errors import InputError

COUNT, LOCATIONS, CHANNELS = 7, 6, 5
METADATA = {"name": "Tiny", "grid": [2, 3]}


@pytest.fixture
def values():
    generator = np.random.default_rng(5)
    return generator.normal(size=(COUNT, LOCATIONS, CHANNELS))


def new_writer(path, ids=None, metadata=METADATA, dtype="float16"):
    ids = list(range(10, 10 + COUNT)) if ids is None else ids
    files = [f"{name}.jpg" for name in ids]
    return FeatureWriter(
        path, ids, files, (LOCATIONS, CHANNELS), metadata, dtype
    )


def put(writer, rows, values):
    writer.write(rows, values[rows], values[rows].mean(axis=1))


def write_all(path, values, **options):
    with new_writer(path, **options) as writer:
        put(writer, list(range(COUNT)), values)
        writer.finish()
    return FeatureStore.open(path)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_round_trip(tmp_path, values, dtype):
    store = write_all(tmp_path / "f.h5", values, dtype=dtype)
    assert store.ids == list(range(10, 17))
    assert (store.channels, store.locations) == (CHANNELS, LOCATIONS)
    assert store.metadata == METADATA
    assert store.fixed_locations
    features, mask = store.read([16, 10, 16])
    assert features.dtype == dtype
    np.testing.assert_array_equal(features, values[[6, 0, 6]].astype(dtype))
    assert mask.shape == (3, LOCATIONS)
    assert mask.all()
    np.testing.assert_allclose(
        store.read_pooled([12]), values[[2]].mean(axis=1), rtol=1e-6
    )


def test_plain_hdf5_that_others_can_read(tmp_path, values):
    write_all(tmp_path / "f.h5", values)
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["features"].chunks is None
        np.testing.assert_array_equal(
            file["features"][:], values.astype("float16")
        )
        assert file["files"].asstr()[0] == "10.jpg"
        assert file["done"][:].tolist() == [1] * COUNT


def test_ids_match_by_their_text(tmp_path, values):
    store = write_all(tmp_path / "i.h5", values)
    assert store.row_of("12") == store.row_of(12) == 2
    assert "12" in store and 99 not in store
    names = [f"å{n}" for n in range(COUNT)]
    store = write_all(tmp_path / "s.h5", values, ids=names)
    assert store.ids == names
    assert store.row_of("å3") == 3
    with pytest.raises(InputError, match="no features of image 99"):
        store.read([99])


def test_read_pads_to_the_locations_asked_for(tmp_path, values):
    store = write_all(tmp_path / "f.h5", values)
    features, mask = store.read([10], locations=LOCATIONS + 2)
    assert features.shape == (1, LOCATIONS + 2, CHANNELS)
    assert mask[0].tolist() == [True] * LOCATIONS + [False] * 2
    assert not features[0, LOCATIONS:].any()
    with pytest.raises(InputError, match="more than the 5"):
        store.read([10], locations=5)


def test_nothing_under_the_final_name_before_the_end(tmp_path, values):
    path = tmp_path / "f.h5"
    with new_writer(path) as writer:
        put(writer, [0], values)
        assert not path.exists()
        with pytest.raises(ValueError, match="6 rows"):
            writer.finish()
    with pytest.raises(InputError, match="run that command again"):
        FeatureStore.open(path)


def test_abandoned_writer_is_continued(tmp_path, values):
    path = tmp_path / "f.h5"
    first = new_writer(path)
    put(first, [0, 4], values)
    # No close: what was written is there all the same, as after a kill.
    with new_writer(path) as second:
        assert second.pending().tolist() == [1, 2, 3, 5, 6]
        put(second, second.pending(), values)
        second.finish()
    first.close()
    store = FeatureStore.open(path)
    features, _ = store.read(store.ids)
    np.testing.assert_array_equal(features, values.astype("float16"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["f.h5"]


def test_row_interrupted_in_the_middle_is_done_again(
    tmp_path, values, monkeypatch
):
    path = tmp_path / "f.h5"
    with new_writer(path) as writer:
        monkeypatch.setattr(
            writer, "_mark", lambda *_: (_ for _ in ()).throw(OSError("full"))
        )
        with pytest.raises(OSError, match="full"):
            put(writer, [0], values)
    with new_writer(path) as writer:
        assert len(writer.pending()) == COUNT


@pytest.mark.parametrize(
    "change",
    [
        {"ids": list(range(COUNT))},
        {"metadata": {"name": "Other"}},
        {"dtype": "float32"},
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_network_does_not_continue(tmp_path, values, change, finished):
    path = tmp_path / "f.h5"
    if finished:
        write_all(path, values)
    else:
        new_writer(path).close()
    with pytest.raises(InputError, match="remove it"):
        new_writer(path, **change)


def test_bad_rows_are_left_out_and_may_be_repaired(tmp_path, values):
    path = tmp_path / "f.h5"
    with new_writer(path) as writer:
        put(writer, [0, 1, 2, 4, 5, 6], values)
        writer.mark_bad([3])
        writer.finish()
    store = FeatureStore.open(path)
    assert len(store) == COUNT - 1 and 13 not in store
    np.testing.assert_array_equal(
        store.read([14])[0][0], values[4].astype("float16")
    )
    with new_writer(path) as writer:
        assert writer.pending().tolist() == [3]
        put(writer, [3], values)
        writer.finish()
    assert len(FeatureStore.open(path)) == COUNT


def test_values_beyond_float16_are_refused(tmp_path, values):
    values[2, 0, 0] = 1e5
    with new_writer(tmp_path / "f.h5") as writer:
        with pytest.raises(InputError, match=r"12\.jpg.*float32"):
            put(writer, [2], values)
        assert 2 in writer.pending()


def test_too_little_room(tmp_path, monkeypatch):
    class Usage:
        free = 10

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    with pytest.raises(InputError, match="free some room"):
        new_writer(tmp_path / "f.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.95])
def test_truncated_hdf5(tmp_path, values, share):
    path = tmp_path / "f.h5"
    write_all(path, values)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"f\.h5: .*extract"):
        FeatureStore.open(path)


def write_by_hand(path, values, **changes):
    """A file as `imcap extract` writes it, packed; None leaves a part out."""
    parts = {
        "features": values,
        "pooled": values.mean(axis=1),
        "ids": np.arange(COUNT),
        "done": np.ones(COUNT, "uint8"),
    } | changes
    with h5py.File(path, "w") as file:
        for name, part in parts.items():
            if part is not None:
                file.create_dataset(name, data=part, chunks=True)


def test_file_that_lacks_a_part(tmp_path, values):
    path = tmp_path / "f.h5"
    write_by_hand(path, values, ids=None)
    with pytest.raises(InputError, match="lacks a part"):
        FeatureStore.open(path)


def test_packed_hdf5_is_read(tmp_path, values):
    path = tmp_path / "f.h5"
    write_by_hand(path, values)
    store = FeatureStore.open(path)
    features, _ = store.read([6, 0])
    np.testing.assert_array_equal(features, values[[6, 0]].astype("f4"))
    np.testing.assert_allclose(
        store.read_pooled([3])[0], values[3].mean(axis=0), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"features": np.zeros((COUNT, 2, 3), "int64")}, "holds int64"),
        ({"features": np.zeros((COUNT, 2, 3), complex)}, "holds complex128"),
        ({"features": np.full((COUNT, 2, 3), b"a")}, "holds text"),
        ({"pooled": np.full((COUNT, CHANNELS), b"a")}, "holds text"),
        ({"ids": np.zeros(COUNT, complex)}, "no ids"),
        ({"ids": np.zeros((COUNT, 2), int)}, "no ids"),
        ({"ids": np.full(COUNT, 2**63, "uint64")}, "64 bits"),
        ({"ids": np.arange(3)}, "3 ids for"),
        ({"done": np.ones(COUNT)}, "'done' holds"),
        ({"pooled": np.zeros((COUNT, 4))}, "'pooled' is"),
    ],
)
def test_parts_of_other_types(tmp_path, values, changes, reason):
    path = tmp_path / "f.h5"
    write_by_hand(path, values, **changes)
    with pytest.raises(InputError, match=reason):
        FeatureStore.open(path)


def test_features_that_are_text_of_any_length(tmp_path, values):
    path = tmp_path / "f.h5"
    write_by_hand(path, values, features=None)
    with h5py.File(path, "a") as file:
        text = h5py.string_dtype()
        file.create_dataset("features", (COUNT, 2, CHANNELS), text)
    with pytest.raises(InputError, match="holds text"):
        FeatureStore.open(path)


@pytest.mark.parametrize("part", ["features", "pooled"])
def test_rows_that_are_no_numbers(tmp_path, values, part):
    path = tmp_path / "f.h5"
    write_all(path, values, dtype="float32")
    with h5py.File(path, "a") as file:
        file[part][2] = np.nan
    store = FeatureStore.open(path)
    read = store.read if part == "features" else store.read_pooled
    read([11])
    with pytest.raises(InputError, match=r"f\.h5: \w+ of 12: .*not finite"):
        read([12])


@pytest.mark.parametrize(
    "metadata", ["[1]", "{", b"\xff", 7, '{"grid": 3}', '{"grid": [2, "x"]}']
)
def test_metadata_of_another_kind(tmp_path, values, metadata):
    path = tmp_path / "f.h5"
    write_all(path, values)
    with h5py.File(path, "a") as file:
        file.attrs["metadata"] = metadata
    if "grid" in str(metadata):
        assert FeatureStore.open(path).grid_of(10) is None
    else:
        with pytest.raises(InputError, match=r"f\.h5: .*extract"):
            FeatureStore.open(path)


def test_threads_read_the_same(tmp_path, values):
    store = write_all(tmp_path / "f.h5", values)
    wrong = []

    def read(seed):
        ids = np.random.default_rng(seed).permutation(store.ids)
        for _, number in itertools.product(range(20), ids):
            features, _ = store.read([number])
            if not (features[0] == values[number - 10].astype("f2")).all():
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_folder_writer_is_continued(tmp_path, values):
    def writer(metadata=METADATA):
        return FeatureFolderWriter(tmp_path / "f", [1, 2], (2, 3), metadata)

    with writer() as first:
        put(first, [0], values)
    with writer() as second:
        assert second.pending().tolist() == [1]
        second.mark_bad([1])
        second.finish()
    store = FeatureStore.open(tmp_path / "f_att")
    assert store.ids == ["1"]
    np.testing.assert_array_equal(store.read([1])[0][0], values[0].astype("f4"))
    with np.load(tmp_path / "f_att" / "1.npz") as archive:
        assert archive["feat"].shape == (2, 3, CHANNELS)
    assert np.load(tmp_path / "f_fc" / "1.npy").shape == (CHANNELS,)
    with pytest.raises(InputError, match="another network"):
        writer({"name": "Other"})

"""Features in folders and arrays of other people's making."""

import io
import json
import zipfile

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


@pytest.mark.parametrize(
    "header", ["{'descr': '<f4', (", "{'descr': 7}", "[1, 2]", "(" * 110, "é"]
)
def test_headers_of_arrays_that_are_none(tmp_path, header):
    text = header.encode("latin-1").ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + bytes([len(text), 0]) + text
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (folder / "7.npy", tmp_path / "all.npy"):
        path.write_bytes(data + bytes(60))
    with zipfile.ZipFile(tmp_path / "all.npz", "w") as archive:
        archive.writestr("feat.npy", data + bytes(60))
    for path in (folder, tmp_path / "all.npy", tmp_path / "all.npz"):
        with pytest.raises(InputError, match=r"damaged|not a whole") as caught:
            FeatureStore.open(path)
        assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize(
    "key", ["features", "x", "arr_0", "feat", "feats", "att", "att_feats", "z"]
)
def test_keys_of_archives(tmp_path, values, key):
    boxes = np.zeros((LOCATIONS, 4), "float32")
    arrays = {key: values[0].astype("f4"), "bbox": boxes, "num_bbox": 6}
    np.savez_compressed(tmp_path / "7.npz", **arrays)
    store = FeatureStore.open(tmp_path)
    assert store.channels == CHANNELS
    np.testing.assert_array_equal(store.read([7])[0][0], values[0].astype("f4"))


def test_the_likeliest_key_counts(tmp_path, values):
    other = np.zeros((2, 3), "float32")
    np.savez(tmp_path / "7.npz", arr_0=other, feat=values[0].astype("f4"))
    assert FeatureStore.open(tmp_path).channels == CHANNELS


def test_folders_in_folders(tmp_path, values):
    for place, name in enumerate(["cat/1.npy", "dog/1.npy", "dog/deep/2.npz"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npy":
            np.save(path, values[place].astype("f4"))
        else:
            np.savez(path, features=values[place].astype("f4"))
    (tmp_path / ".hidden").mkdir()
    for name in (".hidden/9.npy", "cat/.9.npy"):
        np.save(tmp_path / name, np.zeros((2, 3)))
    store = FeatureStore.open(tmp_path)
    assert store.ids == ["cat/1", "dog/1", "dog/deep/2"]
    np.testing.assert_array_equal(
        store.read(["dog/deep/2"])[0][0], values[2].astype("f4")
    )
    (tmp_path / "cat" / "1.npy").unlink()
    assert FeatureStore.open(tmp_path).ids == ["1", "2"]


def test_equal_names_with_two_endings(tmp_path, values):
    np.save(tmp_path / "1.npy", values[0])
    np.savez(tmp_path / "1.npz", feat=values[1])
    assert FeatureStore.open(tmp_path).ids == ["1.npy", "1.npz"]


def test_files_about_others_are_left_out(tmp_path, values):
    np.save(tmp_path / "7.npy", values[0].astype("f4"))
    about = np.array({"bbox": 1}, dtype=object)
    np.save(tmp_path / "7_info.npy", about, allow_pickle=True)
    assert FeatureStore.open(tmp_path).ids == ["7"]
    (tmp_path / "7.npy").unlink()
    with pytest.raises(InputError, match=r"7_info\.npy: holds text or objects"):
        FeatureStore.open(tmp_path)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((2048, 36), "(D, k)"), ((2048, 196), "(D, k)"), ((512, 49), "(D, k)"),
        ((1024, 49), "(D, k)"),
        ((256, 7), "(D, k)"), ((512, 7, 7), "(D, h, w)"),
        ((1280, 14, 14), "(D, h, w)"), ((2048, 1, 1), "(D, h, w)"),
    ],
)  # fmt: skip
def test_channels_first_are_refused(tmp_path, shape, kind):
    folder, stack = tmp_path / "folder", tmp_path / "all.npy"
    folder.mkdir()
    np.save(folder / "7.npy", np.zeros(shape, "float32"))
    np.save(stack, np.zeros((2, *shape), "float32"))
    for path in (folder, stack):
        with pytest.raises(
            InputError, match=r"transposed; .*transpose"
        ) as error:
            FeatureStore.open(path)
        assert kind in str(error.value)


@pytest.mark.parametrize(
    "shape",
    [
        (36, 2048), (100, 2048), (196, 512), (576, 192), (257, 768), (1, 2048),
        (400, 128), (784, 40), (1, 1), (7, 7, 512), (14, 14, 16),
        (112, 112, 64), (1, 49, 2048),
    ],
)  # fmt: skip
def test_channels_last_are_read(tmp_path, shape):
    np.save(tmp_path / "7.npy", np.zeros(shape, "float32"))
    assert FeatureStore.open(tmp_path).channels == shape[-1]


def test_channels_first_are_known_by_what_pictures_share(tmp_path):
    np.save(tmp_path / "1.npy", np.zeros((128, 20), "float32"))
    np.save(tmp_path / "2.npy", np.zeros((128, 30), "float32"))
    with pytest.raises(InputError, match=r"2\.npy: .*\(D, k\), transposed"):
        FeatureStore.open(tmp_path)


@pytest.mark.parametrize(
    "dtype", ["int64", "uint8", "complex64", "bool", "U3", "S3", "M8[s]", "V2"]
)
def test_other_types_are_refused(tmp_path, dtype):
    np.save(tmp_path / "7.npy", np.zeros((2, 3), dtype))
    with pytest.raises(InputError, match=r"7\.npy: holds .*; features are"):
        FeatureStore.open(tmp_path)
    np.save(tmp_path / "all.npy", np.zeros((2, 3, 4), dtype))
    with pytest.raises(InputError, match=r"all\.npy: holds .*; features are"):
        FeatureStore.open(tmp_path / "all.npy")


def test_float64_is_read_as_float32_and_said(tmp_path, values):
    folder, stack = tmp_path / "folder", tmp_path / "all.npy"
    folder.mkdir()
    np.save(folder / "7.npy", values[0].astype("float32"))
    np.save(folder / "8.npy", values[1])
    np.save(stack, values)
    for path in (stack, folder):
        store = FeatureStore.open(path)
        assert store.notes[0].startswith(f"{path}: features are float64")
        features, _ = store.read(store.ids[1:2])
        assert features.dtype == "float32"
        np.testing.assert_array_equal(features[0], values[1].astype("f4"))


def test_float64_beyond_float32_is_refused(tmp_path):
    np.save(tmp_path / "7.npy", np.full((2, 3), 1e300))
    with pytest.raises(InputError, match="not finite"):
        FeatureStore.open(tmp_path).read([7])


@pytest.mark.parametrize("dtype", ["<f2", ">f2", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_no_type_hides_what_is_not_finite(tmp_path, dtype, value):
    rows = np.full((2, 3), -65504, dtype)
    np.save(tmp_path / "good.npy", rows)
    rows[1, 1] = value
    np.save(tmp_path / "bad.npy", rows)
    store = FeatureStore.open(tmp_path)
    assert (store.read(["good"])[0] == -65504).all()
    with pytest.raises(InputError, match=r"bad\.npy: .*not finite"):
        store.read(["bad"])


def test_an_archive_that_would_fill_the_memory(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {"descr": "<f4", "fortran_order": False, "shape": (400000, 2048)},
    )
    with zipfile.ZipFile(tmp_path / "7.npz", "w") as archive:
        archive.writestr("feat.npy", header.getvalue())
    with pytest.raises(InputError, match=r"7\.npz: .*3\.3 GB for one picture"):
        FeatureStore.open(tmp_path)


def test_a_map_in_columns(tmp_path, values):
    maps = values.reshape(COUNT, 2, 3, CHANNELS).astype("f4")
    np.save(tmp_path / "all.npy", np.asfortranarray(maps))
    features, _ = FeatureStore.open(tmp_path / "all.npy").read([2, 5])
    np.testing.assert_array_equal(features, values[[2, 5]].astype("f4"))


@pytest.mark.parametrize("ids", [[1.5] * 7, [None] * 7, [[1]] * 7, [2**63] * 7])
def test_ids_beside_that_are_none(tmp_path, values, ids):
    np.save(tmp_path / "all.npy", values)
    (tmp_path / "all_ids.json").write_text(json.dumps(ids))
    with pytest.raises(InputError, match=r"all_ids\.json: id 0 is"):
        FeatureStore.open(tmp_path / "all.npy")


def test_a_folder_of_other_files_says_which(tmp_path):
    (tmp_path / "features.h5").touch()
    (tmp_path / "read.me").touch()
    with pytest.raises(InputError, match=r"in it, but \.h5, \.me"):
        FeatureStore.open(tmp_path)


def test_wrong_paths(tmp_path):
    with pytest.raises(InputError, match="no such feature file"):
        FeatureStore.open(tmp_path / "none.h5")
    with pytest.raises(InputError, match=r"no \.npz"):
        FeatureStore.open(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="not a feature file"):
        FeatureStore.open(tmp_path / "a.txt")

"""The TSV of bottom-up features: read row by row, written file by file."""

import base64
import tracemalloc

import numpy as np
import pytest

from imcap.data.features.bottom_up import (
    RegionFolders,
    convert_bottom_up,
    find_bottom_up_files,
)
from imcap.data.features.positions import PositionReader
from imcap.data.features.region_rows import LONGEST_ROW, numbered_lines
from imcap.data.features.store import FeatureStore
from imcap.errors import InputError
from imcap.files import read_json

CHANNELS = 7


def encoded(values):
    return base64.b64encode(np.asarray(values, "<f4").tobytes())


def region_row(image_id, count, seed=0, channels=CHANNELS):
    """A line of the TSV, its boxes and its features."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 50, (count, 2, 2)), axis=1)
    boxes = corners.reshape(count, 4).astype("float32")
    features = rng.normal(size=(count, channels)).astype("float32")
    fields = [str(image_id).encode(), b"60", b"50", str(count).encode()]
    fields += [encoded(boxes), encoded(features)]
    return b"\t".join(fields) + b"\r\n", boxes, features


def write_rows(path, counts, first=1):
    """A TSV with one picture per count of regions, numbered from first."""
    rows = [
        region_row(first + number, count, seed=number)
        for number, count in enumerate(counts)
    ]
    path.write_bytes(b"".join(line for line, _, _ in rows))
    return rows


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.tsv"
    return path, write_rows(path, [3, 5, 2])


def test_every_array_arrives(tmp_path, table):
    path, rows = table
    counted = []
    result = convert_bottom_up([path], tmp_path / "bu", counted.append)
    assert result[:3] == (3, 3, [])
    assert not result.note.exists()
    assert sum(counted) == path.stat().st_size
    for number, (_, boxes, features) in enumerate(rows, 1):
        with np.load(tmp_path / "bu_att" / f"{number}.npz") as archive:
            np.testing.assert_array_equal(archive["feat"], features)
        mean = np.load(tmp_path / "bu_fc" / f"{number}.npy")
        assert mean.dtype == np.float32
        np.testing.assert_allclose(mean, features.mean(axis=0), rtol=1e-6)
        box = np.load(tmp_path / "bu_box" / f"{number}.npy")
        np.testing.assert_array_equal(box, boxes)
    assert read_json(tmp_path / "bu_sizes.json")["2"] == [60, 50]
    store = FeatureStore.open(tmp_path / "bu_att")
    assert store.read([1, 2, 3])[1].sum(axis=1).tolist() == [3, 5, 2]


def test_resumes_without_writing_again(tmp_path, table):
    path, _ = table
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    result = convert_bottom_up([path], tmp_path / "bu")
    assert result[:2] == (2, 3)
    assert read_json(result.note) == result.bad
    assert set(read_json(tmp_path / "bu_sizes.json")) == {"1", "2"}
    (tmp_path / "bu_box" / "2.npy").unlink()
    before = (tmp_path / "bu_att" / "1.npz").stat().st_mtime_ns
    path.write_bytes(whole)
    assert convert_bottom_up([path], tmp_path / "bu")[:3] == (2, 3, [])
    assert (tmp_path / "bu_att" / "1.npz").stat().st_mtime_ns == before
    assert convert_bottom_up([path], tmp_path / "bu")[:3] == (0, 3, [])
    assert len(read_json(tmp_path / "bu_sizes.json")) == 3
    names = sorted(file.name for file in (tmp_path / "bu_att").iterdir())
    assert names == ["1.npz", "2.npz", "3.npz"]


def test_interrupted_while_writing(tmp_path, table, monkeypatch):
    path, _ = table

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez_compressed", stop)
        with pytest.raises(KeyboardInterrupt):
            convert_bottom_up([path], tmp_path / "bu")
    assert not list((tmp_path / "bu_att").iterdir())
    assert convert_bottom_up([path], tmp_path / "bu")[:3] == (3, 3, [])


def change(line, field, value):
    fields = line.rstrip(b"\r\n").split(b"\t")
    fields[field] = value(fields[field]) if callable(value) else value
    return b"\t".join(fields) + b"\n"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        (5, lambda text: text[:-3], "features are not whole base64"),
        (5, lambda text: text[:-4], "features"),
        (4, lambda text: text[:-8], "boxes"),
        (4, b"!!!!", "boxes are not whole base64"),
        (4, encoded([1, 2, 3, 4]), "4 corners of boxes for num_boxes 3"),
        (5, encoded(np.zeros(8)), "8 features for num_boxes 3"),
        (5, encoded(np.full((3, 7), np.nan)), "not finite"),
        (5, encoded(np.zeros((3, 6))), "6 wide, those of other pictures 7"),
        (5, b"", "0 features"),
        (3, b"0", "num_boxes '0' is no number"),
        (3, b"-3", "num_boxes '-3' is no number"),
        (1, b"image_w", "image_w 'image_w' is no number"),
        (0, b"a\0b", "cannot be the name of a file"),
        (0, b"\xff\xfe", "cannot be the name of a file"),
        (1, b"640.5", "image_w '640.5' is no number"),
        (1, b"nan", "image_w 'nan' is no number"),
        (1, b"inf", "image_w 'inf' is no number"),
        (0, b"", "cannot be the name of a file"),
        (5, b"a\tb", "7 fields, a row has 6"),
    ],
)
def test_damaged_row_is_listed_and_skipped(tmp_path, field, value, reason):
    good, bad = region_row(1, 4)[0], region_row(2, 3)[0]
    path = tmp_path / "b.tsv"
    damaged = change(bad, field, value)
    path.write_bytes(good + damaged + region_row(3, 2)[0])
    result = convert_bottom_up([path], tmp_path / "bu")
    assert result[:2] == (2, 3)
    (entry,) = result.bad
    assert (entry["file"], entry["line"]) == (str(path), 2)
    assert reason in entry["reason"]
    # Nothing of the bad row is there.
    assert FeatureStore.open(tmp_path / "bu_att").ids == ["1", "3"]
    path.write_bytes(damaged)
    # Alone in its file, it may be the first of its width.
    if "other pictures" in reason or "fields" in reason:
        return
    with pytest.raises(InputError, match=r"b\.tsv: line 1: ") as caught:
        convert_bottom_up([path], tmp_path / "alone")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_width_is_remembered_from_an_earlier_run(tmp_path, table):
    convert_bottom_up([table[0]], tmp_path / "bu")
    path = tmp_path / "narrow.tsv"
    path.write_bytes(region_row(9, 2, channels=5)[0])
    with pytest.raises(InputError, match="5 wide, those of other pictures 7"):
        convert_bottom_up([path], tmp_path / "bu")
    assert "9" not in RegionFolders(tmp_path / "bu")
    for file in (tmp_path / "bu_fc").iterdir():
        file.write_bytes(b"")
    with pytest.raises(InputError, match=r"bu_fc.*damaged; remove it"):
        RegionFolders(tmp_path / "bu")


def test_does_not_read_ahead(tmp_path, table):
    path, rows = table
    lines = numbered_lines(path)
    assert next(lines) == (1, rows[0][0])
    there = []

    def look(_):
        there.append(len(list((tmp_path / "bu_box").iterdir())))

    convert_bottom_up([path], tmp_path / "bu", look)
    assert there == [1, 2, 3]


def test_memory_does_not_grow_with_rows(tmp_path):
    def peak(rows, name):
        path = tmp_path / f"{rows}.tsv"
        lines = (region_row(n, 36, channels=512)[0] for n in range(rows))
        path.write_bytes(b"".join(lines))
        tracemalloc.start()
        convert_bottom_up([path], tmp_path / name)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2, "warm")  # what NumPy imports on first use
    few, many = peak(2, "few"), peak(24, "many")
    one_row = 36 * 512 * 4
    assert many < few + one_row


def test_a_file_without_lines(tmp_path):
    path = tmp_path / "zip.tsv"
    with open(path, "wb") as file:
        file.truncate(LONGEST_ROW + 5)
    with pytest.raises(InputError, match="line 1 is longer"):
        next(numbered_lines(path))


def test_which_files_are_taken(tmp_path):
    for name in ("b.tsv", "a.tsv.1", "a.tsv.0", "a.tsv.zip", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    names = [file.name for file in find_bottom_up_files(tmp_path)]
    assert names == ["a.tsv.0", "a.tsv.1", "b.tsv"]
    assert find_bottom_up_files(tmp_path / "b.tsv") == [tmp_path / "b.tsv"]
    with pytest.raises(InputError, match="no row in it"):
        convert_bottom_up([tmp_path / "b.tsv"], tmp_path / "bu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.tsv"):
        find_bottom_up_files(tmp_path / "empty")
    with pytest.raises(InputError, match="no such file or folder"):
        find_bottom_up_files(tmp_path / "absent")


def glue(*lines):
    return b"".join(line.rstrip(b"\r\n") for line in lines) + b"\n"


def as_python_bytes(line):
    return change(
        change(line, 5, lambda text: b"b'" + text + b"'"),
        4, lambda text: b"b'" + text + b"'",
    )  # fmt: skip


# D = 6 has no padding of base64, D = 7 of three regions neither, others do.
@pytest.mark.parametrize("channels", [5, 6, 7])
@pytest.mark.parametrize("form", [bytes, as_python_bytes])
def test_glued_rows_are_parted(tmp_path, channels, form):
    counts = [3, 5, 2, 4]
    rows = [
        region_row(10 + n, count, seed=n, channels=channels)
        for n, count in enumerate(counts)
    ]
    lines = [form(line) for line, _, _ in rows]
    path = tmp_path / "a.tsv"
    path.write_bytes(glue(*lines[:3]) + lines[3])
    assert convert_bottom_up([path], tmp_path / "bu")[:3] == (4, 4, [])
    for number, (_, boxes, features) in enumerate(rows, 10):
        with np.load(tmp_path / "bu_att" / f"{number}.npz") as archive:
            np.testing.assert_array_equal(archive["feat"], features)
        found = np.load(tmp_path / "bu_box" / f"{number}.npy")
        np.testing.assert_array_equal(found, boxes)


def test_line_ends_of_any_system(tmp_path):
    lines = [region_row(n, 2)[0].rstrip(b"\r\n") for n in range(1, 4)]
    path = tmp_path / "a.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r".join(lines))
    assert convert_bottom_up([path], tmp_path / "bu")[:3] == (3, 3, [])
    assert FeatureStore.open(tmp_path / "bu_att").ids == ["1", "2", "3"]


def test_glued_to_a_row_that_is_cut_short(tmp_path):
    whole, cut = region_row(1, 3)[0], region_row(2, 3)[0][:-12]
    path = tmp_path / "a.tsv"
    path.write_bytes(whole + glue(cut, region_row(3, 4)[0]) + glue(whole))
    result = convert_bottom_up([path], tmp_path / "bu")
    assert {entry["line"] for entry in result.bad} == {2}
    assert FeatureStore.open(tmp_path / "bu_att").ids[0] == "1"


def test_sizes_that_are_floats(tmp_path):
    line = change(change(region_row(1, 3)[0], 1, b"640.0"), 3, b"3.0")
    (tmp_path / "a.tsv").write_bytes(line)
    convert_bottom_up([tmp_path / "a.tsv"], tmp_path / "bu")
    assert read_json(tmp_path / "bu_sizes.json") == {"1": [640, 50]}


def test_ten_columns_have_the_height_first(tmp_path):
    line, _, features = region_row("COCO_val2014_000000000042", 3)
    name, width, height, count, *arrays = line.rstrip().split(b"\t")
    middle = [encoded(np.zeros(3))] * 4
    line = b"\t".join([name, height, width, *middle, count, *arrays])
    (tmp_path / "a.tsv").write_bytes(line)
    assert convert_bottom_up([tmp_path / "a.tsv"], tmp_path / "bu")[0] == 1
    sizes = read_json(tmp_path / "bu_sizes.json")
    assert sizes == {"COCO_val2014_000000000042": [60, 50]}
    store = FeatureStore.open(tmp_path / "bu_att")
    np.testing.assert_array_equal(store.read(store.ids)[0][0], features)


@pytest.mark.parametrize("kept", [(0, 1, 2, 3, 5), (0, 3, 5), None])
def test_rows_without_boxes(tmp_path, kept):
    rows = [region_row(n, 2 + n, seed=n) for n in (1, 2)]
    lines = []
    for line, _, _ in rows:
        fields = line.rstrip(b"\r\n").split(b"\t")
        fields[4] = b"" if kept is None else fields[4]
        lines.append(b"\t".join(fields[n] for n in kept or range(6)) + b"\n")
    path = tmp_path / "a.tsv"
    path.write_bytes(lines[0] + glue(*lines))
    assert convert_bottom_up([path], tmp_path / "bu")[:3] == (2, 3, [])
    assert not list((tmp_path / "bu_box").iterdir())
    store = FeatureStore.open(tmp_path / "bu_att")
    np.testing.assert_array_equal(store.read(["2"])[0][0], rows[1][2])
    sizes = read_json(tmp_path / "bu_sizes.json")
    assert set(sizes) == (set() if kept == (0, 3, 5) else {"1", "2"})


def test_names_of_fields_in_the_first_line(tmp_path):
    line = region_row(1, 3)[0]
    name, width, height, count, boxes, values = line.rstrip().split(b"\t")
    header = b"img_id\tnum_boxes\timg_w\timg_h\tboxes\tfeatures\n"
    row = b"\t".join([name, count, width, height, boxes, values])
    (tmp_path / "a.tsv").write_bytes(header + row)
    assert convert_bottom_up([tmp_path / "a.tsv"], tmp_path / "bu")[:2] == (
        1,
        1,
    )
    assert read_json(tmp_path / "bu_sizes.json") == {"1": [60, 50]}


@pytest.mark.parametrize("name", ["cat/1", "../../x", ".", "..", "a:b"])
def test_ids_never_leave_their_folder(tmp_path, name):
    line, boxes, features = region_row(name, 3)
    (tmp_path / "a.tsv").write_bytes(line)
    before = set(tmp_path.rglob("*"))
    folders = tmp_path / "in" / "bu"
    assert convert_bottom_up([tmp_path / "a.tsv"], folders)[0] == 1
    made = set(tmp_path.rglob("*")) - before
    parts = {folders.with_name("bu" + end) for end in ("_att", "_fc", "_box")}
    files = {path for path in made if path.suffix != ".json"}
    assert {path.parent for path in files if path.is_file()} == parts
    store = FeatureStore.open(tmp_path / "in" / "bu_att")
    assert store.ids == [name]
    np.testing.assert_array_equal(store.read([name])[0][0], features)
    reader = PositionReader(store, "boxes")
    shares = boxes / np.array([60, 50, 60, 50], "float32")
    np.testing.assert_allclose(reader.read(name, 3), shares, rtol=1e-5)

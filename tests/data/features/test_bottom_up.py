"""The TSV of bottom-up features: read row by row, written file by file."""

import base64
import tracemalloc

import numpy as np
import pytest

from imcap.data.features.bottom_up import (
    LONGEST_ROW,
    RegionFolders,
    convert_bottom_up,
    find_bottom_up_files,
    numbered_lines,
)
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
    assert result == (3, 3)
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
    with pytest.raises(InputError, match=r"a\.tsv: line 3: .*again"):
        convert_bottom_up([path], tmp_path / "bu")
    assert set(read_json(tmp_path / "bu_sizes.json")) == {"1", "2"}
    (tmp_path / "bu_box" / "2.npy").unlink()
    before = (tmp_path / "bu_att" / "1.npz").stat().st_mtime_ns
    path.write_bytes(whole)
    assert convert_bottom_up([path], tmp_path / "bu") == (2, 3)
    assert (tmp_path / "bu_att" / "1.npz").stat().st_mtime_ns == before
    assert convert_bottom_up([path], tmp_path / "bu") == (0, 3)
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
    assert convert_bottom_up([path], tmp_path / "bu") == (3, 3)


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
        (0, b"../../x", "cannot be the name of a file"),
        (0, b"", "cannot be the name of a file"),
        (5, b"a\tb", "7 fields, a row has 6"),
    ],
)
def test_damaged_row(tmp_path, field, value, reason):
    good, bad = region_row(1, 4)[0], region_row(2, 3)[0]
    path = tmp_path / "b.tsv"
    path.write_bytes(good + change(bad, field, value))
    with pytest.raises(InputError, match=rf"b\.tsv: line 2: .*{reason}") as e:
        convert_bottom_up([path], tmp_path / "bu")
    assert "\n" not in str(e.value)
    # What came before the damage stays, nothing of the bad row does.
    assert FeatureStore.open(tmp_path / "bu_att").ids == ["1"]


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

"""Arrow: columns that nobody asks for, and files without rows or parts."""

import datetime
import re

import pytest

from helpers.archives import parquet, saved_dataset
from helpers.caption_files import write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

BYTES = b"\xff\xd8\xff\x00 no real picture"


def columns(pa):
    """Columns whose values Python has no type for."""
    return {
        "nanoseconds": pa.array([1]).cast("timestamp[ns]"),
        "far": pa.array([1 << 60]).cast("timestamp[ms]"),
        "long": pa.array([1 << 62]).cast("duration[s]"),
        "latin": pa.Array.from_buffers(
            pa.string(),
            1,
            [None, pa.array([0, 1], pa.int32()).buffers()[1],
             pa.py_buffer(b"\xe9")],
        ),
        "day": pa.array([datetime.date(2020, 1, 1)]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "saved"])
def test_other_columns_are_not_converted(kind, tmp_path):
    pa = pytest.importorskip("pyarrow", reason="imcap[arrow] is absent")
    rows = {
        "image": [{"bytes": BYTES, "path": "a.jpg"}], "caption": ["A dog"],
        "image_id": [7], "width": [640], "height": [480],
    } | columns(pa)  # fmt: skip
    if kind == "parquet":
        path = parquet(tmp_path / "c.parquet", rows)
    else:
        path = tmp_path / "saved"
        saved_dataset(path, rows)
    captions = read_captions(path)
    assert (captions.image_ids, captions.raw) == ([7], [["A dog"]])
    assert (captions.files, captions.sizes) == (["a.jpg"], [(640, 480)])


@pytest.mark.parametrize("name", ["nanoseconds", "far", "long", "latin"])
@pytest.mark.parametrize("role", ["caption", "image_id", "split"])
def test_columns_that_cannot_be_converted(name, role, tmp_path):
    pa = pytest.importorskip("pyarrow", reason="imcap[arrow] is absent")
    rows = {"image": ["a.jpg"], "caption": ["A dog"], role: columns(pa)[name]}
    path = parquet(tmp_path / "c.parquet", rows)
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_captions(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("dataset_dict.json", {"splits": []}),
        ("state.json", {"_data_files": []}),
    ],
)
def test_datasets_without_data(name, values, tmp_path):
    path = write(tmp_path / name, values)
    with pytest.raises(InputError, match=rf"{path.name}: .*no data.*again"):
        read_captions(tmp_path)


def test_a_split_without_data(tmp_path):
    saved_dataset(
        tmp_path / "train",
        {"image": [{"bytes": BYTES, "path": "a.jpg"}], "caption": ["A dog"]},
    )
    write(tmp_path / "dataset_dict.json", {"splits": ["train", "test"]})
    (tmp_path / "test").mkdir()
    write(tmp_path / "test/state.json", {"_data_files": []})
    captions = read_captions(tmp_path)
    assert (captions.files, captions.splits) == (["a.jpg"], ["train"])

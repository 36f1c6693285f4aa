"""Splits that a source states count, whatever names of its parts tell."""

import json

import pytest

from helpers.archives import parquet, records, saved_dataset, tar
from helpers.caption_files import write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError


def in_tar(path, name, split):
    values = {"caption": "a dog"} | ({"split": split} if split else {})
    members = {f"{path.name}.jpg": b"", f"{path.name}.json": json.dumps(values)}
    tar(path.parent / f"{name}.tar", members)


def in_records(path, name, split):
    values = {"image/filename": [f"{path.name}.jpg"], "caption": ["a dog"]}
    if split:
        values["split"] = [split]
    path.parent.mkdir(exist_ok=True)
    records(path.parent / f"{name}.tfrecord", [values])


def in_parquet(path, name, split):
    columns = {"image": [f"{path.name}.jpg"], "caption": ["a dog"]}
    if split:
        columns["split"] = [split]
    parquet(path.parent / f"{name}.parquet", columns)


def in_saved(path, name, split):
    columns = {"image": [f"{path.name}.jpg"], "caption": ["a dog"]}
    if split:
        columns["split"] = [split]
    saved_dataset(path.parent / name, columns)
    notes = path.parent / "dataset_dict.json"
    known = json.loads(notes.read_text())["splits"] if notes.exists() else []
    write(notes, {"splits": [*known, name]})


def in_metadata(path, name, split):
    (path.parent / name).mkdir(parents=True)
    row = {"file_name": f"{path.name}.jpg", "text": "a dog"}
    row |= {"split": split} if split else {}
    write(path.parent / name / "metadata.jsonl", json.dumps(row) + "\n")


KINDS = (in_tar, in_records, in_parquet, in_saved, in_metadata)


def of_parts(make, folder, parts):
    """A folder of parts, of (name of the part, split that it states)."""
    for number, (name, split) in enumerate(parts):
        make(folder / f"{number}", name, split)
    return read_captions(folder)


@pytest.mark.parametrize("make", KINDS)
def test_some_parts_without_a_split_are_refused(make, tmp_path):
    with pytest.raises(InputError, match="has no split though others have one"):
        of_parts(make, tmp_path / "x", [("part0", "test"), ("part1", None)])


@pytest.mark.parametrize("make", KINDS)
def test_names_tell_what_is_not_stated(make, tmp_path):
    parts = [("part0", "test"), ("val0", None), ("train0", "val")]
    captions = of_parts(make, tmp_path / "x", parts)
    splits = dict(zip(captions.image_ids, captions.splits, strict=True))
    assert splits == {"0": "test", "1": "val", "2": "val"}


@pytest.mark.parametrize("make", KINDS)
def test_names_of_some_parts_tell_nothing(make, tmp_path):
    captions = of_parts(make, tmp_path / "x", [("val0", None), ("a", None)])
    assert captions.drawn


COLUMNS = {
    "image": ["a.jpg", "b.jpg"],
    "caption": ["a dog", "a cat"],
    "split": ["test", "val"],
}


@pytest.mark.parametrize("name", ["caption2", "split", "image_id", "id"])
@pytest.mark.parametrize("by_row", [False, True])
def test_columns_of_unequal_length_are_refused(name, by_row, tmp_path):
    values = COLUMNS | {name: ["train"]}
    if by_row:
        values = {
            key: {str(row): cell for row, cell in enumerate(column)}
            for key, column in values.items()
        }
    with pytest.raises(InputError, match=f"'{name}' has 1 .* 'image' has 2"):
        read_captions(write(tmp_path / "c.json", values))


def test_one_split_for_all_rows(tmp_path):
    path = write(tmp_path / "c.json", COLUMNS | {"split": "test"})
    assert read_captions(path).splits == ["test", "test"]

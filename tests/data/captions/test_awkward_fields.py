"""Whatever stands in a field: it is read, or refused by file and place."""

import copy
import json

import h5py
import numpy as np
import pytest

from helpers.caption_files import coco, karpathy, write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

AWKWARD = (
    None, 3, 3.5, -1, True, 2**63, -(2**80), float("nan"), [], [3], [None],
    [[]], {}, {"a": 1}, "", "  ", "\ud800", "a\0b", ["\udfff"], "\U0001f436",
)  # fmt: skip
ROW = {
    "image": "a.jpg", "image_id": 7, "caption": "A dog.", "split": "train",
    "width": 3, "height": 5,
}  # fmt: skip
WORDS = {
    "ix_to_word": {"1": "a", "2": "UNK"},
    "dialect": "talk",
    "images": [
        {"split": "train", "file_path": "a.jpg", "id": 7, "width": 3,
         "height": 5}
    ],
}  # fmt: skip
VALUES = {
    "karpathy": {"images": karpathy()["images"][:1]},
    "coco": coco(2),
    "coco_raw": [
        {"file_path": "a.jpg", "id": 1, "captions": ["A"], "split": "train"}
    ],
    "rows": [ROW],
    "by split": {"train": [ROW], "val": [{**ROW, "image_id": 8}]},
    "by name": {"a.jpg": ["A dog", "Dogs"], "b.jpg": "A cat"},
    "columns": {"image": ["a.jpg"], "caption": ["A dog"]},
    "sentences": {"a.jpg": [{"raw": "A dog", "tokens": ["a", "dog"]}]},
    "cocotalk": WORDS,
}


def places(value, path=()):
    """The path to every value in parsed JSON."""
    yield path
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value, path, by):
    if not path:
        return by
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return value


def labels(path):
    with h5py.File(path, "w") as file:
        file["labels"] = np.array([[1, 2]], "uint32")
        for name in ("label_start_ix", "label_end_ix"):
            file[name] = np.array([1], "uint32")
        file["label_length"] = np.array([2], "uint32")


def refused(path):
    """The message of a file, or None where it is read."""
    try:
        captions = read_captions(path)
    except InputError as error:
        return str(error)
    for key in captions.image_ids:
        assert isinstance(key, (int, str))
        assert not isinstance(key, int) or -(2**63) <= key < 2**63
    text = json.dumps(
        [captions.image_ids, captions.files, captions.raw, captions.tokens]
    )
    assert "\\ud8" not in text.replace("\\ud83d\\udc36", "")
    return None


@pytest.mark.parametrize("name", VALUES)
def test_any_value_in_any_field(name, tmp_path):
    labels(tmp_path / "captions_label.h5")
    path = tmp_path / "captions.json"
    read = 0
    for place in places(VALUES[name]):
        for value in AWKWARD:
            text = json.dumps(replaced(VALUES[name], place, value))
            why = refused(write(path, text))
            read += why is None
            assert why is None or why.startswith(str(tmp_path)), (place, value)
            assert why is None or why.isprintable(), (place, value)
    assert read  # null captions, for one


@pytest.mark.parametrize("field", ROW)
def test_any_value_in_any_field_of_json_lines(field, tmp_path):
    path = tmp_path / "captions.jsonl"
    good = json.dumps({**ROW, "image": "b.jpg", "image_id": 8})
    for value in AWKWARD:
        line = json.dumps({**ROW, field: value})
        why = refused(write(path, f"{good}\n{line}\n"))
        assert why is None or why.startswith(str(path)), value
        assert why is None or "line 2" in why or "has no split" in why, why


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("images", 1, "filename"), 3, r"images\[1\]: 'filename'"),
        (("images", 1, "filename"), "\ud800", r"images\[1\]: 'filename' holds"),
        (("images", 1, "cocoid"), 2**63, r"images\[1\]: 'cocoid' is a number"),
        (("images", 1, "cocoid"), [1], r"images\[1\]: 'cocoid' has the wrong"),
        (("images", 1, "filepath"), 3, r"images\[1\]: 'filepath' has the"),
        (("images", 1, "split"), None, r"images\[1\]: 'split' has the wrong"),
        (
            ("images", 1, "sentences", 0, "tokens", 1),
            "\ud800",
            r"images\[1\].sentences\[0\]: 'tokens' holds",
        ),
        (
            ("images", 1, "sentences", 0, "raw"),
            3,
            r"images\[1\].sentences\[0\]: 'raw' has the wrong",
        ),
    ],
)
def test_the_place_is_named(place, value, named, tmp_path):
    path = tmp_path / "dataset.json"
    write(path, json.dumps(replaced(karpathy(), place, value)))
    with pytest.raises(InputError, match=named):
        read_captions(path)


def test_a_folder_that_is_null_is_none(tmp_path):
    path = write(tmp_path / "dataset.json", karpathy(filepath=None))
    assert read_captions(path).files[0] == "dog.jpg"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("7", 7), ("0", 0), ("007", "007"), ("7.0", "7.0"), (" x ", "x"),
        ("9223372036854775808", "9223372036854775808"), ("٣", "٣"),
    ],
)  # fmt: skip
def test_ids_of_a_table(given, expected, tmp_path):
    path = write(
        tmp_path / "c.csv", f"id,image_id,image,caption\n1,{given},a.jpg,A\n"
    )
    assert read_captions(path).image_ids == [expected]

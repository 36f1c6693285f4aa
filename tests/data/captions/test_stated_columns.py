"""Columns with names of their own, which a person states."""

import json
import re

import pytest

from helpers.archives import parquet, records
from helpers.caption_files import write
from helpers.places import ROOT
from helpers.tiny_pictures import picture
from imcap.captioning.train_settings import TrainConfig
from imcap.cli.prepare import main
from imcap.data.archives.places import read_picture
from imcap.data.captions import fields
from imcap.data.captions.reading import read_captions
from imcap.data.captions.sources import is_same_source, parse_sources
from imcap.errors import InputError
from imcap.runs.environment import absolute_settings

ROWS = [
    {"bild": "a.jpg", "satz": "Ein Hund", "text": "A dog", "nummer": 7,
     "teil": "train"},
    {"bild": "b.jpg", "satz": "Eine Katze", "text": "A cat", "nummer": 8,
     "teil": "val"},
]  # fmt: skip
STATED = "::image=bild,caption=satz,id=nummer,split=teil"


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("picture", fields.IMAGE_NAMES),
        ("caption", fields.CAPTION_NAMES),
        ("id of the picture", fields.ID_NAMES),
        ("id of the row", fields.ROW_ID_NAMES),
        ("split", fields.SPLIT_COLUMNS),
    ],
)
def test_the_documented_names_are_those_that_are_known(what, names):
    text = (ROOT / "docs/data_formats.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {what} \| (.*) \|$", text, re.MULTILINE)
    row = row.replace("; what a model said: ", ", ").partition(":")[0]
    assert tuple(row.split(", ")) == names


def table(path):
    lines = [",".join(ROWS[0]), *(",".join(map(str, r.values())) for r in ROWS)]
    return write(path, "\n".join(lines))


def lines(path):
    return write(path, "\n".join(map(json.dumps, ROWS)))


def entries(path):
    return write(path, ROWS)


def columns(path):
    return parquet(
        path, {name: [row[name] for row in ROWS] for name in ROWS[0]}
    )


def examples(path):
    return records(
        path, [{name: [row[name]] for name in ROWS[0]} for row in ROWS]
    )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (table, "c.csv"), (lines, "c.jsonl"), (entries, "c.json"),
        (columns, "c.parquet"), (examples, "c.tfrecord"),
    ],
)  # fmt: skip
def test_columns_that_are_named(make, name, tmp_path):
    path = make(tmp_path / name)
    captions = read_captions(f"{path}{STATED}")
    assert captions.files == ["a.jpg", "b.jpg"]
    assert captions.raw == [["Ein Hund"], ["Eine Katze"]]
    assert captions.image_ids == [7, 8]
    assert captions.splits == ["train", "val"]
    # What is not named is known by its name.
    other = read_captions({"test": f"{path}::image=bild"})
    assert (other.raw, other.splits) == ([["A dog"], ["A cat"]], ["test"] * 2)
    with pytest.raises(InputError, match=r"no column 'toll', .* for split"):
        read_captions(f"{path}{STATED.replace('teil', 'toll')}")


@pytest.mark.parametrize("write_rows", [parquet, records])
def test_pictures_in_a_column_that_is_named(write_rows, tmp_path):
    one, two = picture(1), picture(2)
    row = {
        "image": [two], "x/photo": [one], "file": ["a.jpg"], "caption": ["A"]
    }  # fmt: skip
    source = tmp_path / "s.parquet"
    if write_rows is records:
        source, row = tmp_path / "s.tfrecord", [row]
    write_rows(source, row)
    for names, expected in (("", two), ("::image=x/photo", one)):
        captions = read_captions(f"{source}{names}")
        assert captions.image_ids == ["a"]
        (place,) = captions.picture_paths()
        assert (read_picture(place), place.name) == (expected, "a.jpg")


def test_a_column_without_pictures(tmp_path):
    columns = {"image": [picture()], "file": ["a.jpg"]}
    path = parquet(tmp_path / "s.parquet", columns)
    with pytest.raises(InputError, match="no column 'file' with bytes"):
        read_picture(path / "0@file")


def test_sources_with_names():
    text = "train=a.tfrecord::caption=c\nval=b.json"
    first, second = parse_sources(text)
    assert (first.split, str(first.path)) == ("train", "a.tfrecord")
    assert (first.names, second.names) == ({"caption": "c"}, {})
    assert is_same_source(text, text)
    assert not is_same_source(text, text.replace("=c", "=d"))
    for wrong in ("a.csv::text=c", "a.csv::caption", "a.csv::caption="):
        with pytest.raises(InputError, match="names no column"):
            parse_sources(wrong)


def test_names_stay_in_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(input_json="train=a.csv::image=b,caption=c")
    stored = absolute_settings(config)["input_json"]
    assert stored == f"train={tmp_path / 'a.csv'}::image=b,caption=c"


def test_the_message_says_how(tmp_path, capsys):
    path = table(tmp_path / "c.csv")
    out = ["--output_json", tmp_path / "o.json", "--output_h5", tmp_path / "o"]
    words = ["--input_json", f"{path}{STATED}", *out]
    assert main([str(word) for word in words]) == 0
    words[1] = records(
        tmp_path / "c.tfrecord", [{"satz": ["Ein Hund"], "bild": ["a.jpg"]}]
    )
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert "other names are told as FILE::image=NAME,caption=NAME" in said

"""Files of generated captions: every form, and whose captions they are."""

import json

import pytest

from helpers.caption_files import write
from imcap.data.captions.results import (
    match_images,
    read_results,
    results_of,
)
from imcap.errors import InputError

PAIR = {1: "a dog", 22: "a cat, asleep"}
NAMES = {"d.jpg": "a dog", "c/k.jpg": "a cat"}
ENTRIES = [{"image_id": key, "caption": text} for key, text in PAIR.items()]
BY_TEXT = {str(key): text for key, text in PAIR.items()}


def renamed(name, text, /, **more):
    return [{name: k, text: t, **more} for k, t in PAIR.items()]


JSON_FORMS = {
    "COCO's": ENTRIES,
    "more fields": renamed("image_id", "caption", perplexity=3.5),
    "other names": renamed("imgid", "prediction", split="val"),
    "beside references": renamed("image_id", "pred", caption="the truth"),
    "results": {"results": ENTRIES, "info": {}},
    "annotations": {"images": [], "annotations": ENTRIES},
    "evaluated": {
        "overall": {"CIDEr": 1.0},
        "imgToEval": {
            str(row["image_id"]): {**row, "CIDEr": 0.5} for row in ENTRIES
        },
    },
    "floats": [
        {"image_id": float(key), "caption": text} for key, text in PAIR.items()
    ],
    "a list of one": [
        {"image_id": key, "caption": [text]} for key, text in PAIR.items()
    ],
    "written by imcap caption": [
        {"image": key, "captions": [{"caption": text}, {"caption": "other"}]}
        for key, text in PAIR.items()
    ],
    "columns": {"image_id": list(PAIR), "caption": list(PAIR.values())},
    "columns by row": {
        "image_id": {"0": 1, "1": 22},
        "caption": {"0": "a dog", "1": "a cat, asleep"},
    },
    "a dict": BY_TEXT,
    "a dict of lists": {key: [text] for key, text in BY_TEXT.items()},
    "a dict of objects": {
        key: [{"caption": text}] for key, text in BY_TEXT.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("form", JSON_FORMS)
def test_json(tmp_path, form):
    found = read_results(write(tmp_path / "r.json", JSON_FORMS[form]))
    assert {str(key): text for key, text in found.items()} == BY_TEXT


NUMBERS = {
    "JSON lines": "\n".join(map(json.dumps, ENTRIES)) + "\n",
    "a header": 'image_id,caption\n1,a dog\n22,"a cat, asleep"\n',
    "bare commas": "image_id,caption\n1,a dog\n22,a cat, asleep\n",
    "another order": 'caption,Image ID\na dog,1\n"a cat, asleep",22\n',
    "a table of predictions": "image_id\tprediction\n1\ta dog\n"
    "22\ta cat, asleep\n",
    "no header": "1,a dog\n22,a cat, asleep\n",
    "tabs": "1\ta dog\n22\ta cat, asleep\n",
    "Oscar's": '1\t[{"caption": "a dog", "conf": 0.9}]\n'
    '22\t[{"caption": "a cat, asleep", "conf": 0.8}]\n',
}
NAMED = {
    "references too": "file,caption,prediction\nd.jpg,truth,a dog\n"
    "c/k.jpg,truth,a cat\n",
    "names": "d.jpg,a dog\nc/k.jpg,a cat\n",
    "token file": "d.jpg#0\ta dog\nc/k.jpg#0\ta cat\n",
    "Windows": "image;caption\r\nd.jpg;a dog\r\nc/k.jpg;a cat\r\n",
    "Excel": "sep=;\nimage;caption\nd.jpg;a dog\nc/k.jpg;a cat\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", [*NUMBERS, *NAMED])
def test_text(tmp_path, form, encoding):
    path = tmp_path / "results.txt"
    path.write_bytes((NUMBERS | NAMED)[form].encode(encoding))
    found = {str(key): text for key, text in read_results(path).items()}
    assert found == (BY_TEXT if form in NUMBERS else NAMES)


@pytest.mark.parametrize(
    "value",
    ["x,y,caption\n1,a dog,no\n", json.dumps([{"x": 1, "y": "a dog"}])],
)
def test_columns_that_are_named(tmp_path, value):
    path = write(tmp_path / "r", value)
    found = read_results(f"{path}::id=x,caption=y")
    assert {str(key): text for key, text in found.items()} == {"1": "a dog"}
    with pytest.raises(InputError, match="has no caption, but 'x', 'y'"):
        read_results(f"{path}::id=x,caption=z")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c"])
def test_lines_end_where_lines_end(tmp_path, end, mark):
    rows = [{"image_id": k, "caption": f"a{mark}{k}"} for k in PAIR]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path = tmp_path / "r.jsonl"
    path.write_bytes((end.join(lines) + end).encode())
    expected = {row["image_id"]: row["caption"] for row in rows}
    assert read_results(path) == expected


def test_quotes_that_do_not_close_swallow_no_results(tmp_path):
    for head in ("", "image_id,caption\n"):
        text = head + '1,"A dog\n2,A cat"\n3,A bird\n'
        found = read_results(write(tmp_path / "r.csv", text))
        assert list(map(str, found)) == ["1", "2", "3"]


def test_one_json_line(tmp_path):
    row = {"image": "d.jpg", "prediction": "a dog"}
    path = write(tmp_path / "r.jsonl", row)
    assert read_results(path) == {"d.jpg": "a dog"}


def test_files_of_bytes_and_folders(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("image_id", "caption"), *PAIR.items()):
        book.active.append(row)
    book.save(tmp_path / "results.xlsx")
    assert read_results(tmp_path / "results.xlsx") == PAIR
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, text in (("d", "a dog"), ("k", "a cat")):
        (folder / f"{name}.jpg").write_bytes(b"\xff\xd8\xff")
        (folder / f"{name}.txt").write_text(text)
    assert read_results(folder) == {"d": "a dog", "k": "a cat"}


def test_a_null_caption_is_empty():
    rows = [{"image_id": 1, "caption": None}, {"image_id": 2, "caption": " "}]
    assert results_of(rows, "r") == {1: "", 2: ""}
    assert results_of({"a.jpg": float("nan")}, "r") == {"a.jpg": ""}


@pytest.mark.parametrize(
    "value, said",
    [
        ([], "holds no captions"),
        ({}, "holds no captions"),
        ("[1, 2]", "entry 0 is int"),
        ('[{"image_id": 1}]', "has no caption, but 'image_id'"),
        ('[{"caption": "a"}]', "has no image_id, but 'caption'"),
        ('[{"image_id": null, "caption": "a"}]', "None names no image"),
        ('[{"image_id": 1, "caption": 7}]', "text is due"),
        ('[{"image_id": 1, "caption": ["a", "b"]}]', "2 captions of one"),
        ('[{"image_id": 1, "caption": "a\\ud800"}]', "no text"),
        ('[{"image_id": 99999999999999999999, "caption": ""}]', "64 bits"),
        ('[{"image_id": 1, "caption": {"x": 1}}]', "an object without"),
        ('[{"image_id": 1, "caption"', "cut short"),
        ("hello\n", "no known caption format"),
        (
            [{"image_id": 1, "caption": text} for text in "ab"],
            "entry 1: a second caption of image 1",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, value, said):
    path = write(tmp_path / "r.json", value)
    with pytest.raises(InputError) as caught:
        read_results(path)
    assert said in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_results(tmp_path / "none.json")
    with pytest.raises(InputError, match="empty"):
        read_results(write(tmp_path / "e.json", ""))


COCO = [42, 139, 7]
FILES = [f"val2014/COCO_val2014_{number:012d}.jpg" for number in COCO]


@pytest.mark.parametrize(
    "keys",
    [
        COCO,
        ["42", "139", "7"],
        ["000042", "0139", "07"],
        ["42.0", "139.0", "7.0"],
        FILES,
        [name.replace("/", "\\") for name in FILES],
        [name.removeprefix("val2014/") for name in FILES],
        [f"/data/coco/{name}" for name in FILES],
        [name.removeprefix("val2014/")[:-4] for name in FILES],
        [f"{number:012d}.jpg" for number in COCO],
        [f"COCO_test2014_{number:012d}.png" for number in COCO],
    ],
    ids=str,
)
def test_images_meet(keys):
    found = match_images(keys, COCO, FILES, ("r", "t"))
    assert found == dict(zip(keys, COCO, strict=True))


def test_references_of_names_meet_numbers():
    files = [name.removeprefix("val2014/") for name in FILES]
    stems = [name[:-4] for name in files]
    found = match_images(COCO, stems, files, ("r", "t"))
    assert found == dict(zip(COCO, stems, strict=True))


def test_composed_letters_meet():
    assert match_images(["e\u0301.jpg"], ["\xe9"], ["\xe9.jpg"], ("", ""))


def test_what_names_two_images_names_none():
    files = ["a/x.jpg", "b/x.jpg", "c/y.jpg"]
    found = match_images(["x.jpg", "y.jpg"], files, files, ("r", "t"))
    assert found == {"y.jpg": "c/y.jpg"}


@pytest.mark.parametrize(
    ("keys", "ids", "files", "matched"),
    [
        (
            [1, 2, 3], [1, 2, 4], ["2.jpg", "1.jpg", "3.jpg"],
            {1: 1, 2: 2},
        ),
        (["1", "2"], [1, 9], ["2.jpg", "1.jpg"], {"1": 1}),
        ([7, 42], [7], ["COCO_val2014_000000000042.jpg"], {7: 7}),
        ([1, 3, 7], [1, 2], ["3.jpg", "7.jpg"], {1: 1}),
        (["a", "b", "c"], ["a", "b", "d"], ["b.png", "a.png", "c.png"],
         {"a": "a", "b": "b"}),
    ],
)  # fmt: skip
def test_names_of_files_contradict_no_id(keys, ids, files, matched):
    notes = []
    assert match_images(keys, ids, files, ("r", "t"), notes) == matched
    more = [note for note in notes if "the ids count" in note]
    assert len(more) == len(notes) <= 1


def test_names_of_files_that_agree_with_ids_add_to_them():
    notes = []
    files = ["1.jpg", "2.jpg", "4.jpg"]
    found = match_images([1, 2, 4], [1, 2, 9], files, ("r", "t"), notes)
    assert found == {1: 1, 2: 2, 4: 9}
    (note,) = notes
    assert "by names of files without ending, not by their ids" in note


def test_nothing_is_said_where_ids_meet():
    notes = []
    match_images([1, 2], [1, 2], ["1.jpg", "2.jpg"], ("r", "t"), notes)
    assert notes == []


def test_nothing_meets_shows_both():
    with pytest.raises(InputError) as caught:
        match_images(["a.jpg"], [1, 2], ["b.jpg", "c.jpg"], ("r", "t"))
    assert "results name 'a.jpg', references 1, 2 (files 'b.jpg', 'c.jpg')" in (
        str(caught.value)
    )


def test_columns_of_unequal_length_are_refused(tmp_path):
    path = tmp_path / "r.json"
    values = {"image_id": [5, 6], "caption": ["a", "b", "c"]}
    path.write_text(json.dumps(values), "utf-8")
    with pytest.raises(InputError, match="'image_id' has 2 entries and"):
        read_results(path)

"""Sizes of pictures, whoever knows them."""

import json

import pytest
from PIL import Image

from imcap.data.pictures.sizes import PictureSizes, sizes_path
from imcap.errors import InputError


def written(path, value):
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    "entry",
    [
        {"cocoid": 7, "imgid": 0, "filepath": "val", "filename": "a.png"},
        {"imgid": 7, "filename": "val/a.png"},
        {"id": 7, "file_name": "val/a.png"},
        {"id": "7", "file_path": "val/a.png"},
    ],
)
def test_every_format_by_json_and_by_header(tmp_path, entry):
    (tmp_path / "val").mkdir()
    Image.new("L", (31, 17)).save(tmp_path / "val" / "a.png")
    path = written(tmp_path / "captions.json", {"images": [entry]})
    assert PictureSizes("x", path, tmp_path).size(7) == (31, 17)
    with pytest.raises(InputError, match="size of picture 7"):
        PictureSizes("x", path).size(7)
    sized = entry | {"width": 640, "height": 480}
    for values in ({"images": [sized]}, [sized]):
        written(path, values)
        assert PictureSizes("x", path).size("7") == (640, 480)


def test_the_sizes_beside_the_boxes_come_first(tmp_path):
    entry = {"id": 7, "file_path": "a.png", "width": 640, "height": 480}
    path = written(tmp_path / "captions.json", [entry])
    written(tmp_path / "bu_sizes.json", {"7": [64, 48]})
    assert sizes_path(tmp_path / "bu_box") == tmp_path / "bu_sizes.json"
    assert PictureSizes(tmp_path / "bu_box", path).size(7) == (64, 48)
    assert PictureSizes(tmp_path / "boxes", path).size(7) == (640, 480)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"pictures": []}, "no list of 'images'"),
        ({"images": [3]}, r"images\[0\]: no id"),
        ([{"file_path": "a.png"}], "no id and file"),
        ([{"id": 1, "file_path": "a", "width": 0, "height": 3}], "no size"),
        ([{"id": 1, "file_path": "a", "width": "x", "height": 3}], "no size"),
    ],
)
def test_wrong_captions(tmp_path, values, reason):
    path = written(tmp_path / "captions.json", values)
    with pytest.raises(InputError, match=rf"captions\.json.*{reason}"):
        PictureSizes("x", path)


@pytest.mark.parametrize("values", [[], {"7": 3}, {"7": [1, 2, 3]}])
def test_wrong_sizes(tmp_path, values):
    written(tmp_path / "bu_sizes.json", values)
    with pytest.raises(InputError, match=r"bu_sizes\.json"):
        PictureSizes(tmp_path / "bu_box")


def test_folders_that_do_not_help(tmp_path):
    with pytest.raises(InputError, match="needs --input_json"):
        PictureSizes("x", None, tmp_path)
    path = written(tmp_path / "captions.json", [])
    with pytest.raises(InputError, match="no such folder of pictures"):
        PictureSizes("x", path, tmp_path / "absent")


def test_sizes_as_other_readers_of_captions_take_them(tmp_path):
    Image.new("L", (31, 17)).save(tmp_path / "b.png")
    entries = [
        {"id": 1, "file_name": "a.png", "width": 640.0, "height": "480"},
        {"id": 2, "file_name": "b.png", "width": None, "height": None},
        {"id": 3, "filename": None, "width": 5, "height": 6},
        {"id": 4.0, "filepath": None, "filename": "b.png"},
        {"cocoid": None, "id": 5, "file_name": "b.png"},
    ]
    path = written(tmp_path / "captions.json", {"images": entries})
    sizes = PictureSizes("x", path, tmp_path)
    assert [sizes.size(number) for number in range(1, 6)] == [
        (640, 480), (31, 17), (5, 6), (31, 17), (31, 17),
    ]  # fmt: skip


@pytest.mark.parametrize("sized", [True, False])
def test_captions_that_are_no_json(sized, tmp_path):
    Image.new("L", (31, 17)).save(tmp_path / "a.png")
    rows = ["image,image_id,caption", "a.png,7,A dog"]
    if sized:
        rows = [f"{rows[0]},width,height", f"{rows[1]},640,480"]
    path = tmp_path / "captions.csv"
    path.write_text("\n".join(rows))
    expected = (640, 480) if sized else (31, 17)
    assert PictureSizes("x", path, tmp_path).size(7) == expected
    lines = tmp_path / "captions.jsonl"
    row = {"image": "a.png", "image_id": 7, "caption": "A dog"}
    row |= {"width": 640, "height": 480} if sized else {}
    for text in (json.dumps(row), f"{json.dumps(row)}\n{json.dumps(row)}"):
        lines.write_text(text)
        assert PictureSizes("x", lines, tmp_path).size(7) == expected


def test_captions_that_are_cut_short(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text('{"images": [{"id": 1,')
    with pytest.raises(InputError, match="not valid JSON"):
        PictureSizes("x", path)

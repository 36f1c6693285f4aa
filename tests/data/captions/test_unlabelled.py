"""Files that list pictures without captions, as those of test sets do."""

import json

import pytest

from helpers.caption_files import coco, karpathy, write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

NAMES = {7: "COCO_test2014_000000000007.jpg", 9: "b.png"}
IMAGES = [
    {
        "license": 1, "file_name": name, "id": key, "width": 3, "height": 5,
        "coco_url": "http://images/x.jpg", "date_captured": "2014",
    }
    for key, name in NAMES.items()
]  # fmt: skip
INFO = {"info": {}, "images": IMAGES, "licenses": [{"id": 1, "name": "x"}]}
NOCAPS = [
    {**image, "open_images_id": "00a", "domain": "in-domain"}
    for image in IMAGES
]
ROWS = [{"image": name, "img_id": key} for key, name in NAMES.items()]
NUMBERED = {
    "COCO's image_info": INFO | {"categories": [{"id": 1, "name": "cat"}]},
    "empty annotations": INFO | {"annotations": []},
    "nocaps": {"images": NOCAPS, "info": {}},
    "a list": ROWS,
    "under another key": {"data": ROWS, "info": {}},
    "JSON lines": "\n".join(map(json.dumps, ROWS)),
    "a table": "image_id,file_name\n7,COCO_test2014_000000000007.jpg\n"
    "9,b.png\n",
}
NAMED = {
    "names in JSON": list(NAMES.values()),
    "names as images": {"images": list(NAMES.values())},
    "names in text": "\n".join(NAMES.values()) + "\n",
    "one column": "filename\n" + "\n".join(NAMES.values()),
}


SIZED = {
    "sizes": "filename,width,height\nx.jpg,640,480\nb.png,320,200\n",
    "parted sizes": "sep=;\nfile;width;height\nx.jpg;640;480\nb.png;320;200\n",
}
BARE = {
    "Excel's list": "sep=;\nfilename\nx.jpg\nb.png\n",
    "Excel's names": "sep=;\nx.jpg\nb.png\n",
    "a number": "x.jpg,640\nb.png,480\n",
    "decimals": "x.jpg;0,93\nb.png;-1,5\n",
    "two numbers": "x.jpg\t640\t480\nb.png\t320\t200\n",
    "one row of numbers": "x.jpg|640\nb.png|480\n",
}


@pytest.mark.parametrize("form", [*SIZED, *BARE])
def test_numbers_are_no_captions(tmp_path, form):
    path = write(tmp_path / "list", (SIZED | BARE)[form])
    captions = read_captions(path, unlabelled=True)
    assert captions.files == ["x.jpg", "b.png"] and not captions.labelled
    sizes = [(640, 480), (320, 200)] if form in SIZED else None
    assert captions.sizes == sizes
    with pytest.raises(InputError, match="no known caption format"):
        read_captions(path)


@pytest.mark.parametrize(
    "text", ["x.jpg,7,val\ny.jpg,8,test\n", "x.jpg\tval\ny.jpg\ttest\n"]
)
def test_splits_are_no_captions(tmp_path, text):
    path = write(tmp_path / "list", text)
    captions = read_captions(path, unlabelled=True)
    assert (captions.files, captions.splits) == (
        ["x.jpg", "y.jpg"],
        ["val", "test"],
    )
    with pytest.raises(InputError, match="no known caption format"):
        read_captions(path)


@pytest.mark.parametrize(
    "text",
    [
        "fn,w,h\nx.jpg,640,480\ny.jpg,320,200\n",
        "x.jpg 640\ny.jpg 480 200\n",
        "0.93,x.jpg\n0.5,y.jpg\n",
    ],
)
def test_numbers_are_no_captions_where_nothing_else_is_known(tmp_path, text):
    with pytest.raises(InputError, match="no known caption format"):
        read_captions(write(tmp_path / "c", text))


def test_ids_of_a_list_of_excel(tmp_path):
    text = "sep=;\nfilename;id\nx.jpg;3\ny.jpg;4\n"
    captions = read_captions(write(tmp_path / "c", text), unlabelled=True)
    assert (captions.image_ids, captions.files) == ([3, 4], ["x.jpg", "y.jpg"])


@pytest.mark.parametrize("form", [*NUMBERED, *NAMED])
def test_pictures_are_read(tmp_path, form):
    path = write(tmp_path / "list", (NUMBERED | NAMED)[form])
    captions = read_captions(path, unlabelled=True)
    stems = [name.partition(".")[0] for name in NAMES.values()]
    assert captions.image_ids == (list(NAMES) if form in NUMBERED else stems)
    assert captions.files == list(NAMES.values())
    assert captions.tokens == [[], []] and not captions.labelled
    assert captions.drawn


@pytest.mark.parametrize("form", [*NUMBERED, *NAMED])
def test_where_captions_are_due_it_is_refused(tmp_path, form):
    path = write(tmp_path / "list", (NUMBERED | NAMED)[form])
    with pytest.raises(InputError) as caught:
        read_captions(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_is_refused_says_what_was_found(tmp_path):
    path = write(tmp_path / "image_info_test2014.json", INFO)
    with pytest.raises(InputError) as caught:
        read_captions(path)
    for part in ("'file_name'", "no captions", "captions_*.json"):
        assert part in str(caught.value)


def test_karpathy_without_sentences(tmp_path):
    values = karpathy()
    for image in values["images"]:
        del image["sentences"]
    path = write(tmp_path / "dataset.json", values)
    captions = read_captions(path, unlabelled=True)
    assert captions.image_ids == [100, 101, 102]
    assert captions.splits == ["train", "restval", "test"]
    assert not captions.drawn and not captions.labelled
    assert captions.files[0] == "val2014/dog.jpg"


def test_what_has_captions_is_read_as_ever(tmp_path):
    for number, values in enumerate((karpathy(), coco())):
        path = write(tmp_path / f"{number}.json", values)
        assert read_captions(path, unlabelled=True) == read_captions(path)


def test_some_pictures_without_captions(tmp_path):
    values = coco()
    values["annotations"] = values["annotations"][:2]
    path = write(tmp_path / "captions.json", values)
    captions = read_captions(path, unlabelled=True)
    assert captions.image_ids == [0, 1, 2, 3] and captions.labelled
    assert [len(texts) for texts in captions.tokens] == [1, 1, 0, 0]
    assert read_captions(path).image_ids == [0, 1]


def test_several_files_with_a_split_each(tmp_path):
    files = {
        "val": write(tmp_path / "val.json", coco()),
        "test": write(tmp_path / "test.json", INFO),
    }
    captions = read_captions(files, unlabelled=True)
    assert captions.split("val").labelled
    assert captions.split("test").image_ids == [7, 9]
    assert not captions.split("test").labelled


@pytest.mark.parametrize(
    "value, said",
    [
        ([{"image": 3}, {"image": "a.jpg"}], "'image' has the wrong type"),
        ({"images": [{"id": None, "file_name": None}]}, "without a picture"),
        ({"images": [*IMAGES, IMAGES[0] | {"file_name": "x"}]}, "twice"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, value, said):
    with pytest.raises(InputError, match=said):
        read_captions(write(tmp_path / "list.json", value), unlabelled=True)

"""Ids written in several ways, and rows without a name: read, or counted."""

import pytest

from helpers.caption_files import coco, karpathy, write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

STRICTLY = r"left out.*leave out --strict"


@pytest.mark.parametrize(
    ("of_image", "of_caption", "expected"),
    [
        ("000001", 1, "000001"),
        (1, "000001", 1),
        (1, 1.0, 1),
        (1.0, "1", 1),
        ("dog", "dog.jpg", "dog"),
        (1, "COCO_val2014_000000000001", 1),
    ],
)
def test_ids_of_images_and_of_captions_meet(
    of_image, of_caption, expected, tmp_path
):
    values = coco(1)
    values["images"][0]["id"] = of_image
    for entry in values["annotations"]:
        entry["image_id"] = of_caption
    path = write(tmp_path / "captions.json", values)
    captions = read_captions(path, split="val", strict=True)
    assert captions.image_ids == [expected]
    assert captions.raw == [["Dog 0.", "Dog 1."]]


def test_what_means_two_images_means_none(tmp_path):
    values = coco(3)
    for number, key in enumerate(["01", "001", 2]):
        values["images"][number]["id"] = key
    for entry in values["annotations"]:
        entry["image_id"] = max(entry["image_id"], 1)
    path = write(tmp_path / "captions.json", values)
    captions = read_captions(path, split="val")
    assert captions.image_ids == [2]
    assert captions.notes[0].startswith("4 captions of absent images left out")


def null_name(values):
    values["images"][1]["file_name"] = None
    return "1 images without a file name left out (first: images[1]"


def empty_name(values):
    values["images"][1]["file_name"] = " "
    return "1 images without a file name left out (first: images[1]"


def null_id(values):
    values["images"][1]["id"] = None
    values["annotations"] = [
        entry for entry in values["annotations"] if entry["image_id"] != 1
    ]
    return "1 images without an id left out (first: images[1]"


def null_image(values):
    values["images"].pop(1)
    values["annotations"] = [
        entry for entry in values["annotations"] if entry["image_id"] != 1
    ]
    values["annotations"][0]["image_id"] = None
    return "1 captions of absent images left out (first: annotations[0]"


@pytest.mark.parametrize("change", [null_name, empty_name, null_id, null_image])
def test_nulls_of_coco(change, tmp_path):
    values = coco()
    note = change(values)
    path = write(tmp_path / "captions.json", values)
    captions = read_captions(path, split="val")
    assert captions.image_ids == [0, 2, 3]
    assert [one.startswith(note) for one in captions.notes] == [True]
    with pytest.raises(InputError, match=STRICTLY):
        read_captions(path, split="val", strict=True)


@pytest.mark.parametrize("imgid", [0, 0.0, "0"])
def test_a_null_cocoid_leaves_the_imgid(imgid, tmp_path):
    values = karpathy(cocoid=None, imgid=imgid)
    captions = read_captions(write(tmp_path / "dataset.json", values))
    assert captions.image_ids == [0, 101, 102]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"filename": None}, "file name"), ({"filename": ""}, "file name"),
        ({"cocoid": None, "imgid": None}, "id"),
    ],
)  # fmt: skip
def test_nulls_of_karpathy(change, what, tmp_path):
    path = write(tmp_path / "dataset.json", karpathy(**change))
    captions = read_captions(path)
    assert captions.image_ids == [101, 102]
    article = "an" if what == "id" else "a"
    note = f"1 images without {article} {what} left out (first: images[0])"
    assert captions.notes[0] == note
    with pytest.raises(InputError, match=STRICTLY):
        read_captions(path, strict=True)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("image,caption\na.jpg,A\n,B\nc.jpg,C\n", "line 3"),
        ("image_id,image,caption\n,a.jpg,A\n,,B\n,c.jpg,C\n", "line 3"),
        (
            [
                {"image": "a.jpg", "caption": "A"},
                {"image": None, "caption": "B"},
                {"image": "c.jpg", "caption": "C"},
            ],
            "entry 1",
        ),
        (
            '{"image": "a.jpg", "caption": "A"}\n'
            '{"image": "", "caption": "B"}\n'
            '{"image": "c.jpg", "caption": "C"}\n',
            "line 2",
        ),
    ],
)
def test_rows_without_a_picture(value, where, tmp_path):
    path = write(tmp_path / "captions.data", value)
    captions = read_captions(path, split="val")
    assert captions.files == ["a.jpg", "c.jpg"]
    assert captions.notes[0] == (
        f"1 rows without a picture left out (first: {where})"
    )
    with pytest.raises(InputError, match=STRICTLY):
        read_captions(path, split="val", strict=True)

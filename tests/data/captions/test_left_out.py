"""What cannot be used is left out and counted; strictly, it is refused."""

import pytest

from helpers.caption_files import TOKENS, coco, karpathy, write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError


def absent_image(values):
    values["annotations"][3]["image_id"] = 99
    return values, "1 captions of absent images left out (first: annotations[3]"


def other_kind(values):
    values["annotations"][2] = {"image_id": 0, "id": 5, "bbox": [1, 2, 3, 4]}
    return values, (
        "1 annotations of other kinds left out (first: annotations[2]"
    )


def null_caption(values):
    values["annotations"][0]["caption"] = None
    values["annotations"][1]["caption"] = "  "
    return values, "2 empty captions left out (first: of image 0"


def repeated_image(values):
    values["images"].append(dict(values["images"][0]))
    return values, "1 repeated images left out (first: images[4]"


@pytest.mark.parametrize(
    "change", [absent_image, other_kind, null_caption, repeated_image]
)
def test_parts_of_coco(change, tmp_path):
    values, note = change(coco())
    path = write(tmp_path / "captions.json", values)
    captions = read_captions(path, split="val")
    assert captions.image_ids == [0, 1, 2, 3]
    assert [one.startswith(note) for one in captions.notes] == [True]
    strictly = r"left out.*leave out --strict"
    with pytest.raises(InputError, match=strictly) as why:
        read_captions(path, split="val", strict=True)
    assert str(why.value).startswith(f"{path}: {note}")


def test_what_is_whole_is_strict_too(tmp_path):
    path = write(tmp_path / "captions.json", coco())
    assert read_captions(path, split="val", strict=True).notes == ()


def test_repeated_images_of_karpathy(tmp_path):
    values = karpathy()
    values["images"].append(values["images"][0])
    captions = read_captions(write(tmp_path / "dataset.json", values))
    assert captions.image_ids == [100, 101, 102]
    assert captions.caption_count == 6
    assert captions.notes == (
        "1 repeated images left out (first: image id 100)",
    )


def test_repeated_entries(tmp_path):
    entry = {"image": "a.jpg", "captions": ["A", "B"]}
    more = {"image": "a.jpg", "captions": ["B", "C"]}
    path = write(tmp_path / "c.json", [entry, entry, more])
    captions = read_captions(path)
    assert captions.raw == [["A", "B", "B", "C"]]
    assert captions.notes[0].startswith("1 repeated images left out")


def test_equal_captions_of_people_are_kept(tmp_path):
    text = "image,caption\na.jpg,A dog\na.jpg,A dog\n"
    path = write(tmp_path / "c.csv", text)
    captions = read_captions(path, split="val")
    assert captions.raw == [["A dog", "A dog"]] and captions.notes == ()


def test_images_of_any_split_may_lack_captions(tmp_path):
    values = karpathy()
    values["images"][2]["sentences"] = []
    captions = read_captions(write(tmp_path / "dataset.json", values))
    assert captions.image_ids == [100, 101]
    assert captions.notes == (
        "1 images of test left out: no captions (first: 102)",
    )


def test_listed_images_without_captions(tmp_path):
    lists = [
        write(tmp_path / f"{name}.txt", f"not {name}.jpg\n{image}.jpg\n")
        for name, image in (("train", "a"), ("test", "b"))
    ]
    path = write(tmp_path / "tokens.txt", TOKENS)
    captions = read_captions(path, split_files=lists)
    assert captions.image_ids == ["a", "b"]
    assert captions.notes[:2] == (
        "1 listed training images left out: no captions (first: not train.jpg)",
        "1 listed images of test left out: no captions (first: not test.jpg)",
    )


def test_nothing_left_is_said_with_the_reason(tmp_path):
    values = coco(1)
    for entry in values["annotations"]:
        entry["caption"] = None
    with pytest.raises(InputError, match=r"no image with .*2 empty captions"):
        read_captions(write(tmp_path / "c.json", values))


def test_drawn_splits_are_nothing_left_out(tmp_path):
    values = {"a.jpg": ["A dog"], "b.jpg": ["Dogs"]}
    path = write(tmp_path / "c.json", values)
    captions = read_captions(path, strict=True)
    assert captions.notes[0].startswith("the file has no splits; drawn")

"""Split lists beside a token file of Flickr hold for this file alone."""

import pytest

from helpers.caption_files import write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError


def tokens(folder, names, text="a dog", **lists):
    folder.mkdir()
    for split, listed in lists.items():
        write(folder / f"my_{split}Images.txt", "\n".join(listed))
    lines = "".join(f"{name}#0\t{text}\n" for name in names)
    return write(folder / "my.token.txt", lines)


def splits_of(captions):
    return dict(zip(captions.files, captions.splits, strict=True))


@pytest.fixture
def flickr(tmp_path):
    lists = {"train": ["a.jpg"], "dev": ["b.jpg"], "test": ["c.jpg"]}
    return tokens(tmp_path / "x", ["a.jpg", "b.jpg", "c.jpg"], **lists)


def test_another_source_keeps_its_splits(flickr, tmp_path):
    text = "image,caption,split\nd.jpg,a cat,val\ne.jpg,a cow,train\n"
    other = write(tmp_path / "c.csv", text)
    for sources in ([flickr, other], [other, flickr]):
        captions = read_captions(sources, strict=True)
        assert splits_of(captions) == {
            "a.jpg": "train", "b.jpg": "val", "c.jpg": "test",
            "d.jpg": "val", "e.jpg": "train",
        }  # fmt: skip
        assert not captions.drawn


def test_another_source_with_a_split_keeps_it(flickr, tmp_path):
    other = write(tmp_path / "c.csv", "image,caption\nd.jpg,a cat\n")
    captions = read_captions([flickr, f"test={other}"])
    assert splits_of(captions)["d.jpg"] == "test"
    assert len(captions) == 4


def test_another_source_without_splits_is_refused(flickr, tmp_path):
    other = write(tmp_path / "c.csv", "image,caption\nd.jpg,a cat\n")
    with pytest.raises(InputError, match="d has no split though others have"):
        read_captions([flickr, other])


def test_each_file_has_its_own_lists(flickr, tmp_path):
    lists = {"train": ["d.jpg", "b.jpg"], "dev": ["a.jpg"]}
    other = tokens(tmp_path / "y", ["d.jpg", "e.jpg"], **lists)
    captions = read_captions([flickr, other])
    assert splits_of(captions) == {
        "a.jpg": "train", "b.jpg": "val", "c.jpg": "test", "d.jpg": "train",
    }  # fmt: skip
    assert "1 images left out: in no split list" in captions.notes


def test_captions_of_the_same_pictures_share_the_lists(flickr, tmp_path):
    other = tokens(tmp_path / "y", ["a.jpg", "b.jpg"], "ein Hund")
    for sources in ([flickr, other], [other, flickr]):
        captions = read_captions(sources)
        assert splits_of(captions) == {
            "a.jpg": "train", "b.jpg": "val", "c.jpg": "test",
        }  # fmt: skip
        assert sorted(captions.raw[0]) == ["a dog", "ein Hund"]


def test_lists_of_two_files_that_share_pictures(flickr, tmp_path):
    lists = {"train": ["a.jpg", "d.jpg"]}
    other = tokens(tmp_path / "y", ["a.jpg", "d.jpg"], "ein Hund", **lists)
    captions = read_captions([flickr, other], strict=True)
    assert splits_of(captions) == {
        "a.jpg": "train", "b.jpg": "val", "c.jpg": "test", "d.jpg": "train",
    }  # fmt: skip


def test_lists_of_two_files_that_contradict_each_other(flickr, tmp_path):
    other = tokens(tmp_path / "y", ["a.jpg"], "ein Hund", test=["a.jpg"])
    with pytest.raises(InputError, match=r"a\.jpg is of test there, and of tr"):
        read_captions([flickr, other])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"num_val": 0, "num_test": 0}, ["train"] * 3),
        ({"num_val": 0}, ["train"] * 3),
        ({"num_test": 0}, ["train"] * 3),
        ({"num_val": 1, "num_test": 1}, ["test", "train", "val"]),
    ],
)
def test_numbers_win_over_lists(counts, expected, flickr):
    captions = read_captions(flickr, **counts)
    assert sorted(captions.splits) == expected


def test_a_split_wins_over_lists(flickr):
    assert read_captions(flickr, split="val").splits == ["val"] * 3

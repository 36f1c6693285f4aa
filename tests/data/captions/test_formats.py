"""A format of captions: the example of the contract, and a model to follow.

A test of your own format is like this one, but that it imports the format
and finds it in the table already.
"""

import doctest

import pytest

from helpers.caption_files import coco, write
from imcap.data.captions import reading
from imcap.data.captions.formats import CaptionFormat
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError


@pytest.fixture
def arrows(monkeypatch):
    """The format that the contract's docstring shows, in the table."""
    names = {}
    for example in doctest.DocTestParser().get_examples(CaptionFormat.__doc__):
        exec(example.source, names)
    known = (*reading.FORMATS, names["ArrowFormat"]())
    monkeypatch.setattr(reading, "FORMATS", known)


def test_a_file_is_read(arrows, tmp_path):
    text = "\nA dog. => a.jpg\nTwo cats => b/b.jpg\n\na Dog, running => a.jpg\n"
    captions = read_captions(write(tmp_path / "mine.txt", text), split="val")
    assert captions.image_ids == ["a", "b"]
    assert captions.files == ["a.jpg", "b/b.jpg"]
    assert captions.splits == ["val", "val"]
    assert captions.raw == [["A dog.", "a Dog, running"], ["Two cats"]]
    assert captions.tokens == [
        [["a", "dog"], ["a", "dog", "running"]],
        [["two", "cats"]],
    ]


@pytest.mark.parametrize(
    "line", ["Cats", "Two => cats => b.jpg", "Cats=>b.jpg"]
)
def test_a_line_that_is_wrong_is_named(arrows, tmp_path, line):
    path = write(tmp_path / "mine.txt", f"A dog. => a.jpg\n\n{line}\n")
    with pytest.raises(InputError, match="line 3 is not 'caption"):
        read_captions(path)


def test_other_files_are_told_what_it_is(arrows, tmp_path):
    with pytest.raises(InputError, match="and lines of 'caption"):
        read_captions(write(tmp_path / "other", "nothing known"))


def test_it_is_known_by_the_table_alone(tmp_path):
    path = write(tmp_path / "mine.txt", "A dog. => a.jpg\n")
    with pytest.raises(InputError, match="no known caption format"):
        read_captions(path)


def test_splits_of_coco_images_are_kept(tmp_path):
    values = coco()
    for number, entry in enumerate(values["images"]):
        entry["split"] = "val" if number else "test"
    captions = read_captions(write(tmp_path / "c.json", values))
    assert captions.splits == ["test"] + ["val"] * (len(captions) - 1)
    assert not captions.drawn

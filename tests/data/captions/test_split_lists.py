"""Lists of pictures find them by names that are written in other ways."""

import unicodedata

import pytest

from imcap.data.captions.reading import read_captions
from imcap.data.captions.split_lists import find_lines

NFC = unicodedata.normalize("NFC", "café.jpg")
NFD = unicodedata.normalize("NFD", NFC)


def lines_of(lines, *pictures):
    files, ids = zip(*pictures, strict=True)
    names = [(file, file.rpartition("/")[2]) for file in files]
    return find_lines(lines, names, ids)


@pytest.mark.parametrize(
    ("line", "file", "image_id"),
    [
        ("photo.JPG", "photo.jpg", 1), ("Photo.jpg", "in/photo.JPG", 1),
        (NFC, NFD, 1), (NFD, NFC, 1), ("in\\a.jpg", "in/a.jpg", 1),
        ("in/a.jpg", "in\\A.jpg", 1), ("000042", "a.jpg", 42),
        ("42", "a.jpg", "000042"), ("a.jpg", "a.jpg", 1),
    ],
)  # fmt: skip
def test_found(line, file, image_id):
    pictures = [("other.jpg", 9), (file, image_id)]
    assert lines_of(["none.jpg", line], *pictures) == [None, line]


def test_what_is_written_exactly_comes_first():
    pictures = [("Dog.jpg", 1), ("dog.jpg", 2), ("DOG.jpg", 3)]
    assert lines_of(["dog.jpg"], *pictures) == [None, "dog.jpg", None]


def test_of_two_none_is_taken():
    assert lines_of(["dog.jpg"], ("Dog.jpg", 1), ("DOG.jpg", 2)) == [None] * 2
    assert lines_of(["dog.jpg", "DOG.jpg"], ("Dog.jpg", 1)) == [None]


def test_an_id_is_no_name_of_a_file():
    """The picture 7 may be another than 7.jpg."""
    assert lines_of(["7.jpg"], ("5.jpg", 7)) == [None]


def test_lists_of_a_caption_file(tmp_path):
    table = tmp_path / "captions.csv"
    table.write_text(
        f"image,caption\na.jpg,a dog\n{NFC},a cup\nc.jpg,a cat\n", "utf-8"
    )
    lists = [tmp_path / "train.txt", tmp_path / "test.txt"]
    lists[0].write_text(f"A.JPG\n{NFD}\n", "utf-8")
    lists[1].write_text("c.jpg\n")
    captions = read_captions(table, split_files=lists)
    assert captions.splits == ["train", "train", "test"]
    assert not captions.notes

"""Rows of one picture of which some lack the id, or some the name."""

import pytest

from helpers.archives import parquet
from helpers.caption_files import write
from imcap.data.captions.reading import read_captions

TWO = [["A dog", "Two dogs"], ["A cat"]]


@pytest.mark.parametrize("column", ["image_id", "id"])
@pytest.mark.parametrize(
    "rows",
    [
        ("a.jpg,1,A dog", "a.jpg,,Two dogs", "b.jpg,2,A cat"),
        ("a.jpg,,A dog", "a.jpg,1,Two dogs", "b.jpg,2,A cat"),
        ("a.jpg,1,A dog", ",1,Two dogs", "b.jpg,2,A cat"),
        (",1,A dog", "a.jpg,1,Two dogs", "b.jpg,2,A cat"),
    ],
)
def test_what_another_row_says_holds(column, rows, tmp_path):
    text = "\n".join([f"image,{column},caption", *rows, ""])
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.image_ids == [1, 2]
    assert captions.files == ["a.jpg", "b.jpg"]
    assert captions.raw == TWO


def test_of_two_ids_none_is_taken(tmp_path):
    text = "image,image_id,caption\na.jpg,1,A\na.jpg,2,B\na.jpg,,C\n"
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.image_ids == [1, 2, "a"]


def test_numbers_of_captions_are_no_ids(tmp_path):
    text = "image,id,caption\na.jpg,1,A dog\na.jpg,2,Two dogs\nb.jpg,,A cat\n"
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.image_ids == ["a", "b"]
    assert captions.raw == TWO


def test_a_number_of_a_caption_is_no_picture(tmp_path):
    text = "image,id,caption\na.jpg,1,A dog\na.jpg,2,Two dogs\n,3,A cow\n"
    path = write(tmp_path / "c.csv", text + "b.jpg,4,A cat\n")
    captions = read_captions(path)
    assert (captions.image_ids, captions.raw) == (["a", "b"], TWO)
    assert captions.notes[0] == (
        "1 rows without a picture left out (first: line 4)"
    )


def test_the_id_is_that_of_the_picture_in_the_row(tmp_path):
    red, blue = ({"bytes": one, "path": "1.jpg"} for one in (b"red", b"blue"))
    columns = {
        "image": [red, blue, red],
        "image_id": [7, 8, None],
        "caption": ["A dog", "A cat", "Two dogs"],
    }
    captions = read_captions(parquet(tmp_path / "c.parquet", columns))
    assert captions.image_ids == [7, 8]
    assert captions.raw == TWO

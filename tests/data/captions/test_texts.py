"""Texts beside pictures: other encodings, and names that differ a little."""

import pytest

from helpers.archives import tar
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

BYTES = b"\xff\xd8\xff\x00 no real picture"
WINDOWS = "Two caf\u00e9s \u2013 \u201cold\u201d".encode("cp1252")
JAPANESE = "\u72ac\u304c\u8d70\u308b".encode("shift-jis")


def source(kind, folder, files):
    """The files in a folder, or the same in a tar file."""
    if kind == "tar":
        return tar(folder / "s.tar", files)
    for name, data in files.items():
        data = data if isinstance(data, bytes) else data.encode()
        (folder / name).write_bytes(data)
    if len(list(folder.iterdir())) < len(files):
        pytest.skip("this disk takes A for a")
    return folder


def texts_by_name(captions):
    names = [file.rpartition("/")[2] for file in captions.files]
    return dict(zip(names, captions.raw, strict=True))


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_texts_of_other_encodings(kind, tmp_path):
    files = {"a.jpg": BYTES, "a.txt": WINDOWS, "b.jpg": BYTES}
    files |= {"b.txt": JAPANESE, "c.jpg": BYTES, "c.txt": "caf\u00e9"}
    captions = read_captions(source(kind, tmp_path, files))
    assert texts_by_name(captions) == {
        "a.jpg": ["Two caf\u00e9s \u2013 \u201cold\u201d"],
        "c.jpg": ["caf\u00e9"],
    }  # fmt: skip
    notes = "\n".join(captions.notes)
    assert "1 texts read as Windows-1252, for they are no UTF-8 (first" in notes
    assert "1 texts that are no UTF-8 left out (first" in notes
    with pytest.raises(InputError, match=r"texts that are no UTF-8.*b\.txt"):
        read_captions(tmp_path, strict=True)


@pytest.mark.parametrize("kind", ["folder", "tar"])
@pytest.mark.parametrize(
    ("picture", "text"),
    [
        ("IMG.jpg", "img.txt"), ("img.JPG", "IMG.TXT"),
        ("cafe\u0301.jpg", "caf\u00e9.txt"),
        ("caf\u00e9.jpg", "cafe\u0301.txt"),
        ("a.jpg", "a.jpg.txt"), ("A.JPG", "a.jpg.txt"),
        ("a.b.jpg", "a.b.jpg.txt"), ("a.b.jpg", "A.B.txt"),
    ],
)  # fmt: skip
def test_names_that_differ_a_little(kind, picture, text, tmp_path):
    files = {picture: BYTES, text: "A dog", "z.png": BYTES, "z.txt": "A cat"}
    captions = read_captions(source(kind, tmp_path, files))
    assert texts_by_name(captions) == {picture: ["A dog"], "z.png": ["A cat"]}


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_the_closest_name_counts(kind, tmp_path):
    files = {"a.jpg": BYTES, "a.txt": "A dog", "A.png": BYTES, "A.txt": "A cat"}
    captions = read_captions(source(kind, tmp_path, files))
    assert texts_by_name(captions) == {"a.jpg": ["A dog"], "A.png": ["A cat"]}


def test_a_name_that_means_two_pictures_means_none(tmp_path):
    files = {"IMG.jpg": BYTES, "Img.jpg": BYTES, "img.txt": "A dog"}
    files |= {"b.jpg": BYTES, "b.txt": "A cat"}
    captions = read_captions(source("folder", tmp_path, files))
    assert texts_by_name(captions) == {"b.jpg": ["A cat"]}
    assert captions.notes[0].startswith("1 texts without a picture")


def test_a_text_of_one_of_two_pictures_of_a_name(tmp_path):
    files = {"a.jpg": BYTES, "a.png": BYTES}
    files |= {"a.jpg.txt": "A dog", "a.png.txt": "A cat"}
    captions = read_captions(source("folder", tmp_path, files))
    assert texts_by_name(captions) == {"a.jpg": ["A dog"], "a.png": ["A cat"]}

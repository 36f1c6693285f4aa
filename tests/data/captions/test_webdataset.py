"""Samples of tar files: what belongs together, in whatever order."""

import json

import pytest

from helpers.archives import tar
from imcap.data.captions.reading import read_captions

BYTES = b"\xff\xd8\xff\x00 no real picture"


def read(folder, members):
    return read_captions(tar(folder / "s.tar", members))


def test_names_with_several_dots(tmp_path):
    captions = read(
        tmp_path,
        {
            "p.v2.jpg": BYTES, "p.v2.txt": "A dog",
            "p.v3.jpg": BYTES, "p.v3.json": json.dumps({"caption": "A cat"}),
            "q.jpg": BYTES, "q.jpg.txt": "A bird", "q.seg.png": BYTES,
            "r.1.jpg": BYTES, "r.1.jpg.txt": "A cow",
        },
    )  # fmt: skip
    assert dict(zip(captions.image_ids, captions.raw, strict=True)) == {
        "p.v2": ["A dog"], "p.v3": ["A cat"], "q": ["A bird"], "r.1": ["A cow"],
    }  # fmt: skip
    assert captions.notes[0] == (
        "1 further parts of samples left out (first: s.tar/q.seg.png)"
    )


def test_further_pictures_of_a_sample_are_counted(tmp_path):
    members = {"a.jpg": BYTES, "a.png": BYTES, "a.txt": "A dog"}
    captions = read(tmp_path, members)
    assert captions.files == ["s.tar/a.jpg"]
    assert captions.notes[0] == (
        "1 further parts of samples left out (first: s.tar/a.png)"
    )


def test_pictures_of_several_dots_without_texts_are_counted(tmp_path):
    members = {"a.jpg": BYTES, "a.txt": "A dog", "b.v2.jpg": BYTES}
    captions = read(tmp_path, members)
    assert captions.image_ids == ["a"]
    assert "1 images left out: no captions (first: b.v2)" in captions.notes


@pytest.mark.parametrize(
    "order",
    [
        ("x/a.jpg", "x/b.jpg", "x/a.txt", "x/b.txt"),
        ("x/a.txt", "x/b.txt", "x/a.jpg", "x/b.jpg"),
        ("x/b.jpg", "x/a.txt", "x/a.jpg", "x/b.txt"),
    ],
)
def test_members_of_a_sample_lie_anywhere(order, tmp_path):
    texts = {"x/a.txt": "A dog", "x/b.txt": "A cat"}
    captions = read(tmp_path, {name: texts.get(name, BYTES) for name in order})
    found = dict(zip(captions.image_ids, captions.raw, strict=True))
    assert found == {"a": ["A dog"], "b": ["A cat"]}
    assert not [note for note in captions.notes if "left out" in note]


def test_names_in_another_case_or_another_form_of_accents(tmp_path):
    captions = read(
        tmp_path,
        {
            "IMG.JPG": BYTES, "img.txt": "A dog",
            "cafe\u0301.jpg": BYTES, "caf\u00e9.txt": "A cat",
        },
    )  # fmt: skip
    assert captions.raw == [["A dog"], ["A cat"]]
    assert captions.files == ["s.tar/IMG.JPG", "s.tar/cafe\u0301.jpg"]

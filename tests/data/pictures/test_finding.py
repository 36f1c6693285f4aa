"""Pictures are found by names that are written in other ways."""

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from imcap.data.captions.reading import read_captions
from imcap.data.pictures.files import PictureFiles
from imcap.data.pictures.finding import PictureFinder, find_paths
from imcap.data.pictures.listing import picture_paths
from imcap.data.pictures.sizes import PictureSizes

NFC = unicodedata.normalize("NFC", "café/bébé.jpg")
NFD = unicodedata.normalize("NFD", NFC)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def one_of_two(folder, first, second):
    """Whether a disk takes two names for one, as macOS and Windows do."""
    touch(folder, first, second)
    return len(list((folder / first).parent.iterdir())) < 2


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("photo.JPG", "photo.jpg"), ("photo.jpg", "photo.JPG"),
        ("Photo.jpg", "photo.jpg"), ("a.b.JPEG", "a.b.jpeg"),
        ("val/a.jpg", "val\\a.jpg"), ("Val/Deep/a.JPG", "val\\deep\\a.jpg"),
        (NFC, NFD), (NFD, NFC), (NFD, NFC.replace("/", "\\")),
        ("STRASSE.PNG", "straße.png"), ("train/x.jpg", "./train/x.jpg"),
        ("x.jpg", "deep/../x.jpg"), ("same.jpg", "same.jpg"),
    ],
)  # fmt: skip
def test_found(tmp_path, held, asked):
    touch(tmp_path, held, "deep/other.jpg")
    found = PictureFinder(tmp_path).find(asked)
    assert found.samefile(tmp_path / held)
    assert find_paths(tmp_path, [asked]) == [found]
    assert picture_paths(tmp_path, [asked]) == [found]


@pytest.mark.parametrize(
    "asked",
    [
        "none.jpg", "photo.png", "none/photo.jpg", "photo.jpg/deep.jpg", "a\0b",
        "x" * 300, "none\\photo.jpg", "../none.jpg", "/none/photo.jpg",
    ],
)  # fmt: skip
def test_what_is_not_there_keeps_its_name(tmp_path, asked):
    touch(tmp_path, "photo.jpg")
    assert PictureFinder(tmp_path).find(asked) == tmp_path / asked
    folder = tmp_path / "no folder"
    assert find_paths(folder, [asked]) == [folder / asked]


def test_other_places(tmp_path, monkeypatch):
    touch(tmp_path, "a/B.JPG")
    monkeypatch.chdir(tmp_path)
    assert find_paths("", ["a/b.jpg"]) == [Path("a/B.JPG")]
    whole = str(tmp_path / "a" / "b.jpg")
    assert find_paths("elsewhere", [whole]) == [tmp_path / "a" / "B.JPG"]


def test_of_two_none_is_taken(tmp_path):
    if one_of_two(tmp_path, "Dog.jpg", "DOG.jpg"):
        pytest.skip("this disk takes large and small letters for one")
    names = ["dog.jpg", "Dog.jpg", "DOG.JPG"]
    dog, exact, ending = find_paths(tmp_path, names)
    assert dog == tmp_path / "dog.jpg"
    assert exact == tmp_path / "Dog.jpg"
    assert ending == tmp_path / "DOG.jpg"  # closer than by all letters


def test_names_that_mean_one_picture(tmp_path):
    if one_of_two(tmp_path / "look", "a", "A"):
        pytest.skip("this disk takes large and small letters for one")
    touch(tmp_path, "dog.jpg", "CAT.jpg", NFC)
    names = ["DOG.jpg", "dog.jpg", "cat.jpg", "Cat.jpg", NFC, NFD]
    paths = find_paths(tmp_path, names)
    picture = tmp_path / "dog.jpg"
    # Dog's own name has it, the cat's has none; accents make no difference.
    assert paths[:2] == [tmp_path / "DOG.jpg", picture]
    assert paths[2:4] == [tmp_path / "cat.jpg", tmp_path / "Cat.jpg"]
    assert paths[4:] == [tmp_path / NFC] * 2


def test_a_folder_is_listed_once(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{number}.JPG" for number in range(50)))
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(
        os, "listdir", lambda path: listed.append(path) or listdir(path)
    )
    paths = find_paths(tmp_path, [f"{number}.jpg" for number in range(60)])
    assert [path.suffix for path in paths] == [".JPG"] * 50 + [".jpg"] * 10
    assert listed == [tmp_path]


def test_sizes_by_names_and_ids(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "One.PNG")
    captions = tmp_path / "captions.json"
    captions.write_text('[{"id": "007", "file_path": "one.png"}]')
    sizes = PictureSizes(tmp_path / "none", captions, str(tmp_path))
    assert sizes.size(7) == sizes.size("007") == (30, 20)


def test_captions_of_a_table_find_their_pictures(tmp_path):
    touch(tmp_path / "pictures", "A.JPG", NFD)
    table = tmp_path / "captions.csv"
    rows = [f"a.jpg,a dog\n{NFC},a baby\n"]
    table.write_text("image,caption\n" + "".join(rows), "utf-8")
    captions = read_captions(table)
    paths = captions.picture_paths(tmp_path / "pictures")
    assert all(path.exists() for path in paths)
    files = PictureFiles.from_words(str(tmp_path / "pictures"), [], captions)
    pairs = zip(captions.image_ids, captions.files, strict=True)
    assert [files.path(*pair) for pair in pairs] == paths


def test_pictures_of_a_list_in_their_folder(tmp_path):
    touch(tmp_path, "train/A.JPG", "train/" + Path(NFD).name)
    rows = f"a.jpg,a dog\n{Path(NFC).name},a baby\n"
    table = tmp_path / "train" / "metadata.csv"
    table.write_text("file_name,text\n" + rows, "utf-8")
    captions = read_captions(tmp_path)
    assert all(path.exists() for path in captions.picture_paths())

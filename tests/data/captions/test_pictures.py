"""Where the pictures of caption files lie, of one file and of several."""

import pytest

from helpers.caption_files import write
from imcap.data.captions.pictures import picture_paths
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError
from imcap.options import BETWEEN


def source(folder, names, pictures=True, below=""):
    (folder / below).mkdir(parents=True)
    for name in names if pictures else ():
        (folder / below / name).write_bytes(b"\xff\xd8\xff " + name.encode())
    lines = "".join(f"{name},a dog\n" for name in names)
    return write(folder / "c.csv", f"image,caption\n{lines}")


def paths_of(sources, split):
    written = BETWEEN.join(f"{name}={path}" for name, path in sources.items())
    captions = read_captions(written).split(split)
    return picture_paths(captions.files, written, places=captions.places)


@pytest.mark.parametrize("below", ["", "images"])
def test_each_source_has_its_own_folder(below, tmp_path):
    sources = {
        "train": source(tmp_path / "a", ["1.jpg", "2.jpg"], below=below),
        "test": source(tmp_path / "b", ["2.jpg", "3.jpg"], below=below),
    }
    for split, folder, names in (("train", "a", "12"), ("test", "b", "23")):
        expected = [tmp_path / folder / below / f"{n}.jpg" for n in names]
        assert paths_of(sources, split) == expected


def test_pictures_of_another_source_are_not_taken(tmp_path):
    sources = {
        "train": source(tmp_path / "a", ["1.jpg", "2.jpg"]),
        "test": source(tmp_path / "b", ["2.jpg", "3.jpg"], pictures=False),
    }
    (tmp_path / "a/3.jpg").write_bytes(b"\xff\xd8\xff another 3")
    sources["train"].write_text("image,caption\n1.jpg,a dog\n")
    with pytest.raises(
        InputError, match=r"2.jpg: no such picture.*images_root"
    ):
        paths_of(sources, "test")


def test_one_source_needs_no_folder(tmp_path):
    path = source(tmp_path / "a", ["1.jpg"], below="images")
    assert picture_paths(["1.jpg"], str(path)) == [tmp_path / "a/images/1.jpg"]

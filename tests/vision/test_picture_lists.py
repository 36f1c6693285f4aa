"""One picture or several, in whatever Python code has them."""

import io
import os
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_pictures import picture
from imcap.data.pictures.encoded import read_encoded
from imcap.data.pictures.inputs import describe_picture
from imcap.errors import InputError
from imcap.vision.picture_lists import BATCH, batches, each, is_many


class Column:
    """What columns of pandas, polars and Arrow have in common."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def __len__(self):
        return len(self.values)


class Table:
    """A stand-in for a DataFrame."""

    columns = ("image", "caption")

    def __array__(self, dtype=None, copy=None):
        return np.zeros((3, 2))


class Sequence:
    """A class with the older protocol of iteration alone."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, place):
        return self.values[place]


@pytest.fixture
def folder(tmp_path):
    for seed, name in enumerate(("b.png", "a.png", "c.jpg")):
        kind = "JPEG" if name.endswith("jpg") else "PNG"
        (tmp_path / name).write_bytes(picture(seed, kind=kind))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def pixels(one):
    with Image.open(io.BytesIO(read_encoded(one))) as image:
        return np.asarray(image.convert("RGB"))


def objects(paths, arrays):
    """An array of a path and an array."""
    both = np.empty(2, object)
    both[:] = [paths[0], arrays[1]]
    return both


# a.png and b.png in everything that gives pictures one by one, made of their
# paths and of their pixels.
SEVERAL = {
    "list": lambda paths, arrays: paths,
    "tuple of names": lambda paths, arrays: tuple(map(str, paths)),
    "generator": lambda paths, arrays: (path for path in paths),
    "map": lambda paths, arrays: map(str, paths),
    "values of a dict": lambda paths, arrays: dict(enumerate(paths)).values(),
    "glob": lambda paths, arrays: iter(sorted(paths[0].parent.glob("*.png"))),
    "scandir": lambda paths, arrays: sorted(
        (e for e in os.scandir(paths[0].parent) if e.name.endswith("png")),
        key=lambda entry: entry.name,
    ),
    "open files": lambda paths, arrays: [
        io.BytesIO(path.read_bytes()) for path in paths
    ],
    "array of names": lambda paths, arrays: np.array([str(p) for p in paths]),
    "array of bytes": lambda paths, arrays: np.array(
        [os.fsencode(path) for path in paths]
    ),
    "array of rank 2": lambda paths, arrays: np.array(paths, str)[:, None],
    "array of objects": objects,
    "column": lambda paths, arrays: Column([str(path) for path in paths]),
    "column of objects": lambda paths, arrays: Column(objects(paths, arrays)),
    "older protocol": lambda paths, arrays: Sequence(paths),
    "pattern": lambda paths, arrays: f"{paths[0].parent}/*.png",
    "pattern as a path": lambda paths, arrays: paths[0].parent / "[ab].png",
    "list of a pattern": lambda paths, arrays: [
        f"{paths[0].parent}/a.p*", paths[1]
    ],
    "rank 4": lambda paths, arrays: np.stack(arrays),
    "channels first": lambda paths, arrays: np.moveaxis(
        np.stack(arrays), 3, 1
    ),
    "signed": lambda paths, arrays: np.stack(arrays) / 127.5 - 1.0,
    "nested lists": lambda paths, arrays: np.stack(arrays).tolist(),
    "rows of Hugging Face": lambda paths, arrays: [
        {"bytes": paths[0].read_bytes(), "path": None},
        {"bytes": None, "path": str(paths[1])},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_of_every_kind(folder, kind):
    paths = [folder / "a.png", folder / "b.png"]
    expected = [pixels(path) for path in paths]
    images = SEVERAL[kind](paths, expected)
    assert is_many(images)
    found = [pixels(one) for one in each(images)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_columns_of_pandas(folder, dtype):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    names = [str(folder / "a.png"), str(folder / "b.png")]
    table = pandas.DataFrame({"image": names, "n": [1, 2]}, index=[7, 3])
    column = table["image"].astype(dtype)
    assert is_many(column) and list(each(column)) == names
    with pytest.raises(InputError, match="a table"):
        is_many(table)
    empty = pandas.Series([names[0], None], dtype=dtype)
    with pytest.raises(InputError, match=r"picture 1: .*not a picture"):
        read_all(empty)


def test_a_folder_is_all_pictures_in_it(folder):
    for given in (folder, str(folder), [folder]):
        assert is_many(given)
        names = [one.name for one in each(given)]
        assert names == ["a.png", "b.png", "c.jpg"]


def test_an_archive_is_all_pictures_in_it(folder):
    archive = folder / "shard.tar"
    with tarfile.open(archive, "w") as packed:
        for name in ("b.png", "a.png"):
            packed.add(folder / name, name)
    for given in (archive, [str(archive)]):
        assert is_many(given)
        found = {one.name: pixels(one) for one in each(given)}
        assert len(found) == 2
        for name, values in found.items():
            np.testing.assert_array_equal(values, pixels(folder / name))


class Readable:
    """What can be read, and neither name nor go back, as an upload."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read


ALONE = {
    "path": lambda path: path,
    "name": str,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "PIL": Image.open,
    "array": pixels,
    "lists": lambda path: pixels(path).tolist(),
    "URL of a file": lambda path: path.as_uri(),
    "readable": lambda path: Readable(path.read_bytes()),
    "zip": lambda path: zipped(path),
    "row": lambda path: {"bytes": path.read_bytes(), "path": "a.png"},
}


def zipped(path):
    """A file within a zip, as `zipfile.Path`."""
    archive = path.parent / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(path, "a.png")
    return zipfile.Path(archive, "a.png")


@pytest.mark.parametrize("kind", ALONE)
def test_one_of_every_kind(folder, kind):
    one = ALONE[kind](folder / "a.png")
    assert not is_many(one)
    [found] = each(one)
    np.testing.assert_array_equal(pixels(found), pixels(folder / "a.png"))


@pytest.mark.parametrize("mode", ["rb", "r+b", "r"])
def test_open_files_are_read_from_their_start(folder, mode):
    with open(folder / "a.png", mode) as file:
        if "b" in mode:
            file.read(7)
        assert not is_many(file)
        found = pixels(file)
    np.testing.assert_array_equal(found, pixels(folder / "a.png"))


def test_a_written_buffer_need_not_be_rewound(folder):
    target = io.BytesIO()
    target.write((folder / "a.png").read_bytes())
    np.testing.assert_array_equal(pixels(target), pixels(folder / "a.png"))


def test_names_with_brackets_are_no_patterns(folder):
    name = folder / "a[1].png"
    name.write_bytes(picture(5))
    assert not is_many(name) and list(each(str(name))) == [str(name)]


def test_pictures_are_made_as_they_are_asked_for():
    made = []

    def make():
        frame = np.zeros((4, 5, 3), "uint8")  # one memory, as video has it
        for number in range(BATCH + 3):
            frame[:] = number
            made.append(number)
            yield frame

    found = batches(make(), lambda one: int(pixels(one).max()))
    assert next(found) == list(range(BATCH))
    assert len(made) == BATCH
    assert next(found) == list(range(BATCH, BATCH + 3))
    assert next(found, None) is None


def read_all(images):
    return [one for some in batches(images, read_encoded) for one in some]


def test_the_one_that_cannot_be_read_is_named(folder):
    odd = np.full((4, 5, 3), -7.0)
    frames = [np.zeros((4, 5, 3), "uint8")] * BATCH
    with pytest.raises(InputError, match=f"picture {BATCH + 1}: ndarray"):
        read_all([*frames, folder / "a.png", odd])
    with pytest.raises(InputError, match=r"^ndarray"):
        read_all(odd)


@pytest.mark.parametrize(
    "images, reason",
    [
        (Table(), "a table; give the column"),
        ({"a.png"}, "no order"),
        ({"first": "a.png"}, r"list\(pictures\.values"),
        (Column([1, 2, 3]), "not a picture"),
        (Column(["gone.png"]), "gone.png: no such file"),
        (["gone.png", None], "gone.png: no such file"),
        ([None], "NoneType None: not a picture"),
        ([float("nan")], "float nan: not a picture"),
        (range(2), "int 0: not a picture"),
        ([["a.png", "b.png"], ["c.png"]], "give a list"),
        ("gone/*.png", r"gone/\*.png: no such file"),
        ("a\0b.png", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        (io.StringIO("text"), "it gives str.*rb"),
        (io.BytesIO(), "empty"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_meant(images, reason):
    with pytest.raises(InputError, match=reason):
        read_all(images)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(InputError, match="no picture in it"):
        read_all(tmp_path)


def test_a_closed_file(folder):
    with open(folder / "a.png", "rb") as file:
        pass
    with pytest.raises(InputError, match=r"a\.png: cannot be read"):
        read_all(file)
    assert describe_picture(file) == str(folder / "a.png")

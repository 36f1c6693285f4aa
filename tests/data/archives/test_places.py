"""Pictures in archives: found, named and read like files."""

import concurrent.futures

import numpy as np
import pytest

from helpers.archives import KINDS, pack, parquet, records, tar
from helpers.tiny_pictures import picture
from imcap.data.archives import arrow
from imcap.data.archives.places import (
    open_archive,
    picture_exists,
    read_picture,
    split_place,
)
from imcap.data.captions.reading import read_captions
from imcap.data.pictures.decoding import load_pixels
from imcap.data.pictures.encoded import picture_size
from imcap.data.pictures.listing import ImageList, find_pictures
from imcap.errors import InputError

NAMES = ("a.png", "b.jpg", "c.webp", "d.png", "e.PNG")


@pytest.fixture(scope="module")
def pictures():
    """Bytes by name, as some sources have them."""
    kinds = {"jpg": "JPEG", "webp": "WEBP"}
    return {
        name: picture(seed, (9 + seed, 7), kinds.get(name[2:], "PNG"))
        for seed, name in enumerate(NAMES)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_captions_lead_to_their_pictures(kind, pictures, tmp_path, monkeypatch):
    source = pack(kind, tmp_path / "data", pictures)
    captions = read_captions(source)
    assert captions.image_ids == ["a", "b", "c", "d", "e"]
    assert captions.raw == [[f"a picture called {n}"] for n in "abcde"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    chosen = captions.filter({"e", "b"})
    assert [read_picture(path) for path in chosen.picture_paths()] == [
        pictures["b.jpg"], pictures["e.PNG"]
    ]  # fmt: skip
    paths = captions.picture_paths()
    # In any order, and by several threads.
    order = np.random.default_rng(0).integers(0, len(NAMES), 40)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda row: read_picture(paths[row]), order))
    assert found == [pictures[NAMES[row]] for row in order]


@pytest.mark.parametrize("kind", KINDS)
def test_archives_are_listed_like_folders(kind, pictures, tmp_path):
    source = pack(kind, tmp_path / "data", pictures)
    images = ImageList.from_folder(source)
    assert [read_picture(path) for path in images.paths] == [*pictures.values()]
    paths, refused = find_pictures([source, tmp_path / "data"])
    assert (len(paths), refused) == (2 * len(NAMES), [])
    pixels = load_pixels(str(paths[0]), 7, 9)
    np.testing.assert_array_equal(pixels, load_pixels(pictures["a.png"], 7, 9))
    assert [picture_size(path)[0] for path in paths[:5]] == [9, 10, 11, 12, 13]


def test_names_tell_pictures_apart(pictures, tmp_path):
    a, b = pictures["a.png"], pictures["b.jpg"]
    members = {
        "./x/1.PNG": a, "x/1.txt": "Up", "y/1.jpg": b, "y/1.txt": "Down",
        "y/._1.jpg": b"no picture", "/z/../2.png": a, "notes.md": "#",
    }  # fmt: skip
    path = tar(tmp_path / "s.tar", members)
    images = ImageList.from_folder(path)
    assert images.image_ids == ["x/1.PNG", "y/1.jpg", "z/2.png"]
    assert images.paths[0] == path / "x/1.PNG"
    captions = read_captions(path)
    assert captions.files == ["s.tar/x/1.PNG", "s.tar/y/1.jpg"]
    assert [read_picture(p) for p in captions.picture_paths()] == [a, b]
    # The files of captions are places, too, from the folder of the archive.
    assert read_picture(tmp_path / captions.files[1]) == b


def test_a_folder_that_is_named_counts_before_the_archive(pictures, tmp_path):
    source = pack("parquet", tmp_path / "data", pictures)
    (tmp_path / "better").mkdir()
    (tmp_path / "better" / "b.jpg").write_bytes(b"another")
    paths = read_captions(source).picture_paths(tmp_path / "better")
    assert read_picture(paths[0]) == pictures["a.png"]
    assert read_picture(paths[1]) == b"another"


def test_several_sources_with_and_without_pictures(pictures, tmp_path):
    one = pack("parquet", tmp_path / "one", pictures)
    two = tmp_path / "two.csv"
    two.write_text("image,caption\nz.jpg,A zebra\n")
    captions = read_captions({"train": one, "val": two})
    assert captions.places[0] == one / "0" / "a.png"
    assert captions.split("val").picture_paths("r")[0].as_posix() == "r/z.jpg"


def test_row_groups(pictures, tmp_path, monkeypatch):
    data = [picture(seed, (5, 5)) for seed in range(10)]
    columns = {"image": data, "caption": ["A dog"] * 10}
    path = parquet(tmp_path / "s.parquet", columns, row_group_size=3)
    reverse = [f"{row}" for row in range(9, -1, -1)]
    for kept in (1 << 20, 2 * len(data[0]), 1):  # all, some, none in memory
        monkeypatch.setattr(arrow, "KEPT", kept)
        archive = arrow.ArrowArchive(path)
        assert [archive.read(row) for row in reverse] == data[::-1]
        assert len(archive._groups) <= 4
    assert all(rows.size == 0 for rows in archive._groups.values())


def test_pictures_beside_a_table_that_names_them(pictures, tmp_path):
    (tmp_path / "b.jpg").write_bytes(pictures["b.jpg"])
    cells = [{"bytes": None, "path": "b.jpg"}, {"bytes": None, "path": "c.jpg"}]
    cells.append({"bytes": pictures["a.png"], "path": None})
    path = parquet(
        tmp_path / "s.parquet", {"image": cells, "caption": ["A", "B", "C"]}
    )
    paths = read_captions(path).picture_paths()
    assert read_picture(paths[0]) == pictures["b.jpg"]
    with pytest.raises(InputError, match=r"s\.parquet.1.c\.jpg: cannot be"):
        read_picture(paths[1])
    assert read_picture(paths[2]) == pictures["a.png"]


def test_the_picture_among_features(pictures, tmp_path):
    example = {
        "embedding": [b"\xff\xfe\x00\x01"], "caption": ["BMX"],
        "thumbnail_mask": [pictures["d.png"]], "image_raw": [pictures["a.png"]],
    }  # fmt: skip
    path = records(tmp_path / "s.tfrecord", [example, {"caption": ["A dog"]}])
    captions = read_captions(path)
    assert captions.places == [path / "0", None]
    assert read_picture(path / "0") == pictures["a.png"]
    with pytest.raises(InputError, match="1: no picture in the record"):
        read_picture(path / "1")


def test_an_archive_that_is_written_anew_is_read_anew(pictures, tmp_path):
    path = tar(tmp_path / "s.tar", {"a.png": pictures["a.png"]})
    assert read_picture(path / "a.png") == pictures["a.png"]
    tar(path, {"a.png": pictures["b.jpg"], "more": "x" * 20_000})
    assert read_picture(path / "a.png") == pictures["b.jpg"]


def test_places(tmp_path):
    path = tar(tmp_path / "s.tar", {"x/a.png": b"1"})
    assert split_place(path / "x" / "a.png") == (path, "x/a.png")
    assert split_place(path) is None
    assert split_place(tmp_path / "none.png") is None
    assert picture_exists(path) and picture_exists(path / "x" / "a.png")
    assert not picture_exists(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("none.png", "no such file"),
        ("s.tar/b.png", "not in this tar file"),
        ("notes.md/a.png", "none that holds pictures"),
        ("s.tfrecord/7", "there are 1 records"),
        ("s.tfrecord/a.png", "named by their rows"),
        ("s.tfrecord/0", "no picture in the record"),
    ],
)
def test_places_without_a_picture(place, why, tmp_path):
    tar(tmp_path / "s.tar", {"a.png": b"1"})
    records(tmp_path / "s.tfrecord", [{"caption": ["A dog"]}])
    (tmp_path / "notes.md").write_text("# Notes")
    with pytest.raises(InputError, match=why) as caught:
        read_picture(tmp_path / place)
    assert place.partition("/")[0] in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["tar", "tar.gz", "parquet", "saved dataset", "tfrecord.gz"]
)
def test_damaged_archives(kind, pictures, tmp_path):
    source = pack(kind, tmp_path / "data", pictures)
    path = next(source.glob("*.arrow")) if source.is_dir() else source
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match="fetch") as caught:
        read_picture(next(iter(ImageList.from_folder(source).paths)))
    assert str(caught.value).startswith(str(path))


def test_a_table_without_pictures(tmp_path):
    path = parquet(tmp_path / "s.parquet", {"image": ["a.jpg"], "caption": "A"})
    with pytest.raises(InputError, match="no column with the bytes of pict"):
        open_archive(path).members(())
    assert read_captions(path).places is None

"""Which pictures there are, and their decoding in batches."""

from pathlib import Path

import pytest
from PIL import Image

from imcap.data.pictures.batches import decode_batches
from imcap.data.pictures.listing import ImageList, picture_paths
from imcap.data.pictures.remarks import remarks
from imcap.errors import InputError


def test_image_list_from_folder(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    images = ImageList.from_folder(tmp_path)
    assert images.image_ids == ["a", "b"]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.gif").write_bytes(b"x")
    images = ImageList.from_folder(tmp_path)
    assert images.image_ids == ["a.PNG", "b.jpg", "deep/b.gif"]


def test_image_list_refuses(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        ImageList.from_folder(tmp_path / "none")
    with pytest.raises(InputError, match="no picture"):
        ImageList.from_folder(tmp_path)
    with pytest.raises(InputError, match="second picture"):
        ImageList([1, "1"], ["a", "b"], ["a", "b"])


def test_image_list_replaces():
    files = ["a.jpg", "b.jpg"]
    images = ImageList([7, 9], files, picture_paths("root", files))
    changed = images.replaced(["9=else=where.png"])
    assert changed.paths == [Path("root/a.jpg"), Path("else=where.png")]
    assert changed.image_ids == [7, 9]
    for wrong in ("8=x.png", "9"):
        with pytest.raises(InputError, match="--replace"):
            images.replaced([wrong])


def test_batches_keep_order_and_give_reasons(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for number, path in enumerate(paths):
        Image.new("L", (4, 4), number).save(path)
    paths[3].write_bytes(b"nothing")
    images = ImageList.from_paths(paths)
    batches = list(decode_batches(images, range(7), 4, 3, 100))
    assert [good for good, _, _ in batches] == [[0, 1, 2], [4, 5], [6]]
    assert [len(bad) for _, _, bad in batches] == [0, 1, 0]
    assert batches[1][2][0][0] == 3
    for good, pixels, _ in batches:
        assert [image.max() for image in pixels] == good


def test_names_with_backslashes_are_found(tmp_path):
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "a.jpg").touch()
    names = ["val\\a.jpg", "val/a.jpg", "plain.jpg"]
    paths = picture_paths(tmp_path, names)
    assert paths[0] == paths[1] == tmp_path / "val" / "a.jpg"
    assert paths[2] == tmp_path / "plain.jpg"


def test_archives_beside_pictures_are_counted(tmp_path):
    remarks.take()
    (tmp_path / "a.png").touch()
    (tmp_path / "x").mkdir()
    for name in ("0.tar", "x/1.parquet", "._0.tar", "metadata.parquet"):
        (tmp_path / name).touch()
    assert ImageList.from_folder(tmp_path).image_ids == ["a"]
    assert remarks.take() == [
        f"{tmp_path}: 2 files left out: 2 archives beside pictures; give them "
        "as well, or lay them into a folder of their own"
    ]

"""Names of files that are no UTF-8."""

import os

import pytest

from helpers.archives import parquet, records, tar
from helpers.caption_files import write
from imcap.data.archives.places import read_picture
from imcap.data.captions.reading import read_captions

BYTES = b"\xff\xd8\xff\x00 no real picture"
LATIN = os.fsdecode(b"caf\xe9")
SHOWN = "caf\\udce9"


@pytest.fixture
def folder(tmp_path):
    """A folder whose disk takes any bytes as a name."""
    try:
        (tmp_path / LATIN).touch()
    except OSError:
        pytest.skip("names of files are text on this system")
    (tmp_path / LATIN).unlink()
    return tmp_path


def test_texts_beside_pictures(folder):
    (folder / f"{LATIN}.jpg").write_bytes(BYTES)
    write(folder / f"{LATIN}.txt", "A dog")
    captions = read_captions(folder)
    assert (captions.image_ids, captions.files) == ([SHOWN], [f"{SHOWN}.jpg"])
    assert captions.places == [folder / f"{LATIN}.jpg"]


def test_members_of_tar_files(folder):
    members = {f"{LATIN}.jpg": BYTES, f"{LATIN}.txt": "A dog"}
    path = tar(folder / "s.tar", members | {"b.jpg": BYTES, "b.txt": "A cat"})
    captions = read_captions(path)
    assert captions.image_ids == [SHOWN, "b"]
    assert captions.files == [f"s.tar/{SHOWN}.jpg", "s.tar/b.jpg"]
    assert captions.places[0] == path / f"{LATIN}.jpg"


@pytest.mark.parametrize("kind", ["tar", "tfrecord", "parquet"])
def test_archives(kind, folder):
    written = folder / f"x.{kind}"
    if kind == "tar":
        tar(written, {"a.jpg": BYTES, "a.txt": "A dog"})
    elif kind == "tfrecord":
        records(written, [{"image": [BYTES], "caption": ["A dog"]}])
    else:
        parquet(written, {"image": [BYTES], "caption": ["A dog"]})
    path = written.rename(folder / f"{LATIN}.{kind}")
    for source in (path, folder):
        captions = read_captions(source)
        name = "a.jpg" if kind == "tar" else "0"
        assert captions.files == [f"{SHOWN}.{kind}/{name}"]
        assert captions.places[0].is_relative_to(path)
        assert read_picture(captions.places[0]) == BYTES
        assert str(captions.image_ids[0]).isascii()


def test_folders_of_lists(folder):
    (folder / LATIN).mkdir()
    (folder / LATIN / "a.jpg").write_bytes(BYTES)
    write(folder / LATIN / "metadata.csv", "file_name,text\na.jpg,A dog\n")
    captions = read_captions(folder)
    assert captions.files == [f"{SHOWN}/a.jpg"]
    assert captions.places == [folder / LATIN / "a.jpg"]

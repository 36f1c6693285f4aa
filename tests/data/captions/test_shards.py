"""Folders of shards: what systems put beside them counts for nothing."""

import pytest

from helpers.archives import parquet, records, tar
from helpers.caption_files import write
from imcap.data.archives.places import find_archives
from imcap.data.captions.reading import read_captions

BYTES = b"\xff\xd8\xff\x00 no real picture"
CLUTTER = ("._0", "__MACOSX/0", ".cache/0", "@eaDir/0", "#recycle/0")


@pytest.mark.parametrize("kind", ["tar", "tfrecord", "parquet"])
def test_hidden_shards(kind, tmp_path):
    path = tmp_path / f"0.{kind}"
    row = {"image": ["a.jpg"], "caption": ["A dog"]}
    if kind == "tar":
        tar(path, {"a.jpg": BYTES, "a.txt": "A dog"})
    elif kind == "tfrecord":
        records(path, [row])
    else:
        parquet(path, row)
    for name in CLUTTER:
        other = tmp_path / f"{name}.{kind}"
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(b"\0\5\x16\7" + bytes(600))
    assert read_captions(tmp_path).raw == [["A dog"]]
    assert find_archives(tmp_path) == [path]


def test_hidden_lists(tmp_path):
    text = "file_name,text\na.jpg,A dog\n"
    for folder in ("train", "__MACOSX", ".ipynb_checkpoints"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "metadata.csv", text)
    captions = read_captions(tmp_path)
    assert (captions.files, captions.raw) == (["train/a.jpg"], [["A dog"]])


def test_folders_that_are_called_like_shards(tmp_path):
    tar(tmp_path / "0.tar", {"a.jpg": BYTES, "a.txt": "A dog"})
    (tmp_path / "1.tar").mkdir()
    assert read_captions(tmp_path).raw == [["A dog"]]

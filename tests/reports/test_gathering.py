"""Where reports look for the pictures of a split."""

from pathlib import Path, PurePath

import pytest

from imcap.data.captions.pictures import picture_paths
from imcap.errors import InputError
from imcap.reports.captions import find_references


def test_pictures_lie_where_training_had_them_or_beside_the_captions(tmp_path):
    captions = str(tmp_path / "captions.json")
    beside, trained = tmp_path / "images", tmp_path / "trained"
    for folder in (beside, trained):
        folder.mkdir()
        (folder / "a.png").write_bytes(b"")
    files = ["a.png", "gone.png"]

    def found(*roots):
        return {path.parent for path in picture_paths(files, captions, *roots)}

    assert found(None, str(trained)) == {trained}
    assert found(None, str(tmp_path / "nowhere")) == {beside}
    assert found(str(beside), str(trained)) == {beside}
    with pytest.raises(InputError, match="--images_root"):
        found(str(tmp_path / "nowhere"), str(trained))


def test_references_of_a_name_that_several_folders_have():
    files = {
        PurePath("a/x/1.jpg"): ["cat"],
        PurePath("b/x/1.jpg"): ["dog"],
    }
    assert find_references(Path("/data/a/x/1.jpg"), files) == ["cat"]
    assert find_references(Path("/data/b/x/1.jpg"), files) == ["dog"]
    # Nothing tells which of the two it is.
    assert find_references(Path("/data/x/1.jpg"), files) == []
    one = {PurePath("train/1.jpg"): ["cat"]}
    assert find_references(Path("/elsewhere/1.jpg"), one) == ["cat"]
    assert find_references(Path("/elsewhere/1.jpg"), {}) == []

"""Pictures of memory and of the web lie in files, for a while."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_pictures import picture
from imcap.captioning.local_files import LONGEST, local_files
from imcap.errors import InputError


@pytest.fixture
def here(tmp_path):
    path = tmp_path / "a b.png"
    path.write_bytes(picture(1))
    return path


def test_what_is_here_stays_where_it_is(here):
    names = [str(here), here, str(here.parent), f"{here.parent}/*.png", "gone"]
    with local_files(names) as local:
        assert [str(path) for path in local.paths] == [str(n) for n in names]
        assert local.names == {} and local.refused == []
    assert here.exists()
    with local_files(here) as local:
        assert local.paths == [here] and local.name(here) == str(here)


def test_copies_have_the_names_of_what_they_are(here):
    data = here.read_bytes()
    with open(here, "rb") as file, Image.open(here) as image:
        given = [
            (here.as_uri(), "a b.png", here.as_uri()),
            (file, "a b.png", str(here)),
            (image, "a b.png", str(here)),
            ({"bytes": data, "path": "x/train?.png"}, "train.png", None),
            (data, "picture_4", "picture_4"),
            (io.BytesIO(data), "picture_5", "picture_5"),
            (np.asarray(image), "picture_6", "picture_6"),
        ]
        with local_files([one for one, _, _ in given]) as local:
            for path, (_, called, name) in zip(local.paths, given, strict=True):
                assert path.name == called
                assert local.name(path) == (name or "x/train?.png")
                with Image.open(path) as copy:
                    np.testing.assert_array_equal(copy, image)
        assert not any(path.exists() for path in local.paths)


def test_a_generator_is_used_up_once(here):
    with local_files(here.read_bytes() for _ in range(3)) as local:
        assert [path.name for path in local.paths] == [
            f"picture_{number}" for number in range(3)
        ]
        assert len({path.parent for path in local.paths}) == 3


def test_long_names_are_cut(here):
    row = {"bytes": here.read_bytes(), "path": "n" * 999 + ".png"}
    with local_files([row]) as local:
        assert len(local.paths[0].name) == LONGEST
        assert local.paths[0].suffix == ".png"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/..", "picture_0"),
        ("a\0\n.png", "a.png"),
        ("漢" * 99 + ".png", "漢" * 32 + ".png"),
        ("C:\\x\\b.png", "b.png"),
    ],
)
def test_names_of_copies_are_names_everywhere(here, path, name):
    with local_files([{"bytes": here.read_bytes(), "path": path}]) as local:
        assert local.paths[0].name == name


def test_what_cannot_be_read_is_told(here):
    gone = (here.parent / "gone.png").as_uri()
    with local_files([gone, b"", np.full((4, 5, 3), -7.0), here]) as local:
        reasons = [reason for _, reason in local.refused]
        assert local.paths[-1] == here
    assert "gone.png: cannot be read" in reasons[0]
    assert "numbers from -7" in reasons[1]


def test_what_is_no_picture():
    with local_files(7) as local:
        assert "int 7: not a picture" in local.refused[0][1]
    with pytest.raises(InputError, match="no order"), local_files({"a.png"}):
        raise AssertionError("a set was taken")

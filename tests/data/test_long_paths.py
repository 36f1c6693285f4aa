"""Paths that no system takes are refused in one line."""

import pytest

from imcap.data.archives.places import picture_exists, read_picture
from imcap.data.captions.reading import read_captions
from imcap.data.features.store import FeatureStore
from imcap.data.pictures.listing import ImageList, find_pictures
from imcap.data.pictures.sizes import PictureSizes
from imcap.errors import InputError

LONG = "a" * 5000
READERS = [
    read_captions,
    FeatureStore.open,
    ImageList.from_folder,
    read_picture,
    lambda path: PictureSizes("x", path),
    lambda path: PictureSizes("x", __file__, path),
]


@pytest.mark.parametrize("path", [LONG, f"{LONG}.tar", f"{LONG}/x.h5"])
@pytest.mark.parametrize("read", READERS)
def test_a_path_that_is_too_long(read, path):
    with pytest.raises(InputError, match="aaaa"):
        read(path)


@pytest.mark.parametrize("path", [LONG, f"{LONG}.tar", f"{LONG}/x.jpg"])
def test_pictures_that_are_looked_for(path):
    assert not picture_exists(path)
    assert [str(found) for found in find_pictures([path])[0]] == [path]

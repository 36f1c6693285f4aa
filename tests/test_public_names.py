"""What `import imcap` offers."""

import pytest

import imcap
from imcap.errors import InputError


def test_every_public_name_is_there():
    assert imcap.__all__ == sorted(imcap.__all__)
    for name in imcap.__all__:
        assert callable(getattr(imcap, name)), name
        assert name in dir(imcap)


def test_names_are_those_of_their_folders():
    from imcap.data.captions.reading import read_captions

    assert imcap.InputError is InputError
    assert imcap.read_captions is read_captions
    assert imcap.list_captioners() == sorted(imcap.list_captioners())
    assert "adaptive" in imcap.list_captioners()
    assert "adaptive" in imcap.list_presets()


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        imcap.lod  # noqa: B018

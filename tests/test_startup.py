"""Which backends commands take, and where steps are compiled."""

import keras
import pytest

from imcap.errors import InputError
from imcap.startup import check_backend, is_compiled


def test_steps_are_compiled_on_jax_and_where_asked(monkeypatch):
    assert is_compiled(True)
    for name in ("jax", "tensorflow"):
        monkeypatch.setattr(keras.backend, "backend", lambda name=name: name)
        assert is_compiled(False) == (name == "jax")


def test_other_backends_are_refused():
    check_backend("jax")
    with pytest.raises(InputError, match="KERAS_BACKEND=torch: imcap runs on"):
        check_backend("torch")

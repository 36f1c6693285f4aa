"""Pickles from anywhere: values are read, nothing is run."""

import collections
import os
import pickle

import pytest

from imcap.data.ngrams.plain_pickle import read_plain_pickle
from imcap.errors import InputError

VALUES = [
    {"a": [1, 2.5, None, True], ("b", "c"): {1, 2}},
    collections.defaultdict(float, {("0",): 1.0}),
    collections.defaultdict(list, a=[frozenset("a")]),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", VALUES)
def test_plain_values(tmp_path, value, protocol):
    path = tmp_path / "values.p"
    path.write_bytes(pickle.dumps(value, protocol))
    found = read_plain_pickle(path)
    assert found == value and type(found) is type(value)


def test_bytes_beyond_ascii_of_python_2(tmp_path):
    path = tmp_path / "values.p"
    path.write_bytes(b"S'caf\\xe9'\np0\n.")
    assert read_plain_pickle(path) == "café"


class Runs:
    """A pickle of this makes a folder when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_something(tmp_path, protocol):
    path = tmp_path / "bad-idxs.p"
    value = {"document_frequency": {}, "ref_len": Runs(tmp_path / "made")}
    path.write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(InputError, match=r"wants to run .*\.mkdir") as caught:
        read_plain_pickle(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("module", ["builtins", "__builtin__"])
@pytest.mark.parametrize("name", ["eval", "getattr", "exec", "__import__"])
def test_builtins_that_run_something(tmp_path, module, name):
    path = tmp_path / "bad-idxs.p"
    path.write_bytes(f"c{module}\n{name}\n.".encode())
    with pytest.raises(InputError, match=f"wants to run {module}.{name}"):
        read_plain_pickle(path)

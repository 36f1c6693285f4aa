"""Ids as names of files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imcap.data.features.folder_writer import FeatureFolderWriter
from imcap.data.features.ids import file_stem, stem_id
from imcap.data.features.store import FeatureStore


@given(st.text(st.sampled_from("./\\%:25EFa *\n"), min_size=1))
def test_every_id_comes_back_and_is_no_path(name):
    stem = file_stem(name)
    assert stem_id(stem) == name
    assert not set(stem) & set("/\\:*\n") and not stem.startswith(".")


@pytest.mark.parametrize("name", ["100%", "100%20", "a.b", "a%2Eb", "é 1"])
def test_names_of_others_stay(name):
    assert stem_id(name) == name


def test_written_folders_stay_in_their_place(tmp_path):
    ids = ["cat/1", "cat_1", "..", "../x", "dog"]
    values = np.arange(30, dtype="float32").reshape(5, 2, 3)
    with FeatureFolderWriter(tmp_path / "in" / "f", ids, (1, 2), {}) as out:
        out.write(out.pending(), values, values.mean(axis=1))
        assert not len(out.pending())
        out.finish()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    parents = {path.parent.name for path in files if path.suffix != ".json"}
    assert parents == {"f_fc", "f_att"} and len(files) == 11
    store = FeatureStore.open(tmp_path / "in" / "f_att")
    assert sorted(store.ids) == sorted(ids)
    np.testing.assert_array_equal(store.read(ids)[0], values)

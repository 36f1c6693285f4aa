"""Features without ids: their rows count, and it is said."""

import h5py
import numpy as np
import pytest

from imcap.data.features.store import FeatureStore

ROWS = np.ones((3, 2, 4), "float32")


def save(kind, path):
    if kind == ".npy":
        np.save(path, ROWS)
    elif kind == ".npz":
        np.savez(path, feat=ROWS)
    else:
        with h5py.File(path, "w") as file:
            file["features"] = ROWS


@pytest.mark.parametrize("kind", [".npy", ".npz", ".h5"])
def test_a_note_says_that_rows_are_ids(kind, tmp_path):
    path = tmp_path / f"f{kind}"
    save(kind, path)
    store = FeatureStore.open(path)
    assert store.ids == [0, 1, 2]
    (note,) = store.notes
    assert note.startswith(str(path))
    assert note.endswith(
        "no ids in it or beside it: its rows count as ids 0 to 2; if they are "
        "not, list the ids in f_ids.txt, one a line"
    )
    (tmp_path / "f_ids.txt").write_text("7\n8\n9\n")
    store = FeatureStore.open(path)
    assert (store.ids, store.notes) == (["7", "8", "9"], ())

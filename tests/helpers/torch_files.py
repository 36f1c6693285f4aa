"""Files as `torch.save` writes them, old and new, without PyTorch."""

import collections
import io
import pickle
import sys
import types
import zipfile

import keras
import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


class FloatStorage:
    """Stands for torch.FloatStorage."""


class LongStorage:
    """Stands for torch.LongStorage."""


def _rebuild_tensor_v2(*_):
    """Stands for PyTorch's function of that name."""


class Rebuilt:
    """A tensor that is pickled as PyTorch pickles it."""

    def __init__(self, array, key):
        self.array = array
        self.key = key

    def __reduce__(self):
        strides = [one // self.array.itemsize for one in self.array.strides]
        return _rebuild_tensor_v2, (
            Storage(self.array, self.key), 0, self.array.shape, tuple(strides),
            False, collections.OrderedDict(),
        )  # fmt: skip


class Storage:
    """The values of a tensor."""

    def __init__(self, array, key):
        self.array = array
        self.key = key


class Pickler(pickle._Pickler):
    """Writes storages as references."""

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        kind = LongStorage if value.array.dtype == "i8" else FloatStorage
        return "storage", kind, value.key, "cpu", value.array.size, None


def write_torch(path, arrays, legacy=False, wrapped=False):
    """Writes a state dict, as torch.save does.

    Args:
        path: of the file.
        arrays: dict of str to float32 or int64 arrays.
        legacy: as PyTorch wrote before 1.6.
        wrapped: put under "state_dict" in a checkpoint.
    """
    tensors = collections.OrderedDict(
        (name, Rebuilt(np.ascontiguousarray(array), str(number)))
        for number, (name, array) in enumerate(arrays.items())
    )
    keys = [tensor.key for tensor in tensors.values()]
    found = {"epoch": 3, "state_dict": tensors} if wrapped else tensors
    target = io.BytesIO()
    with pretended():
        if legacy:
            for head in (MAGIC, 1001, {"little_endian": True}):
                pickle.dump(head, target, protocol=2)
        Pickler(target, protocol=2).dump(found)
    if legacy:
        pickle.dump(keys, target, protocol=2)
        for tensor in tensors.values():
            target.write(tensor.array.size.to_bytes(8, "little"))
            target.write(tensor.array.tobytes())
        path.write_bytes(target.getvalue())
        return path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", target.getvalue())
        for tensor in tensors.values():
            archive.writestr(
                f"archive/data/{tensor.key}", tensor.array.tobytes()
            )
    return path


class pretended:
    """Has the pickler find what it writes under PyTorch's names."""

    def __enter__(self):
        self.kept = {
            name: sys.modules.get(name) for name in ("torch", "torch._utils")
        }
        torch, utils = (
            types.ModuleType("torch"),
            types.ModuleType("torch._utils"),
        )
        torch._utils = utils
        utils._rebuild_tensor_v2 = _rebuild_tensor_v2
        torch.FloatStorage, torch.LongStorage = FloatStorage, LongStorage
        for kind in (FloatStorage, LongStorage):
            kind.__module__ = "torch"
        _rebuild_tensor_v2.__module__ = "torch._utils"
        sys.modules.update({"torch": torch, "torch._utils": utils})

    def __exit__(self, *_):
        for name, module in self.kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def torch_arrays(network):
    """Arrays under the names of PyTorch, of a network of random weights."""
    parts = {
        "expand_conv": "_expand_conv", "expand_bn": "_bn0",
        "dwconv": "_depthwise_conv", "dw_bn": "_bn1",
        "project_conv": "_project_conv", "project_bn": "_bn2",
        "stem_conv": "_conv_stem", "stem_bn": "_bn0",
        "top_conv": "_conv_head", "top_bn": "_bn1",
    }  # fmt: skip
    rng, found, blocks = np.random.default_rng(1), {}, {}
    for layer in network.layers:
        if not layer.weights:
            continue
        name, _, part = layer.name.partition("_")
        if name in ("stem", "top"):
            name = parts[layer.name]
        else:
            number = blocks.setdefault(name, len(blocks))
            name = f"_blocks.{number}.{parts[part]}"
        if len(layer.weights) == 4:
            kinds = ("weight", "bias", "running_mean", "running_var")
            for kind, weight in zip(kinds, layer.weights, strict=True):
                low = 0.5 if kind in ("weight", "running_var") else -0.5
                value = rng.uniform(low, low + 1, weight.shape)
                found[f"{name}.{kind}"] = value.astype("float32")
            found[f"{name}.num_batches_tracked"] = np.array(1)
            continue
        deep = isinstance(layer, keras.layers.DepthwiseConv2D)
        kernel = rng.normal(size=layer.kernel.shape).astype("float32")
        axes = (2, 3, 0, 1) if deep else (3, 2, 0, 1)
        found[f"{name}.weight"] = kernel.transpose(axes)
    found["_fc.weight"] = np.zeros((10, 1280), "float32")
    found["_fc.bias"] = np.zeros(10, "float32")
    return found

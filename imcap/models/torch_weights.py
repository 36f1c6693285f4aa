"""PyTorch weights: the arrays of a .pth file, without PyTorch."""

import collections
import pickle
import zipfile

import keras
import numpy as np

# What the file's classes of storage hold.
DTYPES = {
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "BoolStorage": "?",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


class _Tensor:
    """A tensor that waits for its storage."""

    def __init__(self, storage, offset, size, stride):
        self.storage = storage  # (dtype, key)
        self.offset = offset
        self.size = size
        self.stride = stride

    def array(self, storages):
        """The array, copied; checked, as the file may say anything."""
        dtype, key = self.storage
        values = np.frombuffer(storages[key], dtype)
        steps = [
            (n - 1) * s for n, s in zip(self.size, self.stride, strict=True)
        ]
        low = self.offset + sum(step for step in steps if step < 0)
        high = self.offset + sum(step for step in steps if step > 0)
        if 0 in self.size:
            return np.zeros(self.size, dtype)
        if low < 0 or high >= len(values) or min(self.size, default=1) < 0:
            raise pickle.UnpicklingError("a tensor reaches beyond its storage")
        strides = [one * values.itemsize for one in self.stride]
        view = np.lib.stride_tricks.as_strided(
            values[self.offset :], self.size, strides
        )
        return view.copy()


def _tensor(storage, offset, size, stride, *_):
    """Stands for torch._utils._rebuild_tensor_v2."""
    return _Tensor(storage, int(offset), tuple(size), tuple(stride))


def _parameter(data, *_):
    """Stands for torch._utils._rebuild_parameter."""
    return data


class _TorchUnpickler(pickle.Unpickler):
    """Reads dicts, lists, numbers and tensors, and calls nothing else."""

    def __init__(self, file):
        super().__init__(file)
        self.dtypes = {}  # of each storage

    def find_class(self, module, name):
        """Says no to what an ordinary pickle might run."""
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if module == "torch" and name in DTYPES:
            return np.dtype(DTYPES[name])
        if (module, name) not in known:
            raise pickle.UnpicklingError(
                f"it wants to run {module}.{name}, and only tensors are read"
            )
        return known[module, name]

    def persistent_load(self, pid):
        """The type and key of a storage, whose bytes lie elsewhere."""
        kind, dtype, key = pid[:3]
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"a {kind} is no storage")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("a view of another storage")
        self.dtypes[str(key)] = dtype
        return dtype, str(key)


def is_hdf5(path):
    """Whether a file is HDF5, whatever it is called."""
    with open(path, "rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC


def read_torch_weights(path):
    """Reads the state dict of a .pth file, of torch.save old or new.

    Args:
        path: of the file; one that holds more has its "state_dict" read.

    Returns:
        dict of str to arrays.

    Raises:
        ValueError: one line; the file is damaged, or holds anything but
            tensors.
    """
    try:
        if zipfile.is_zipfile(path):
            found, storages = _read_zip(path)
        else:
            found, storages = _read_legacy(path)
        if isinstance(found, dict) and "state_dict" in found:
            found = found["state_dict"]
        return {
            str(name): tensor.array(storages)
            for name, tensor in found.items()
            if isinstance(tensor, _Tensor)
        }
    except Exception as error:
        # A damaged pickle may fail in any way.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"no weights of PyTorch: {reason}") from None


def _read_zip(path):
    """An archive with data.pkl and a file for each storage."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (main,) = [name for name in names if name.endswith("/data.pkl")]
        with archive.open(main) as file:
            found = _TorchUnpickler(file).load()
        start = main.removesuffix("data.pkl") + "data/"
        return found, {
            name.removeprefix(start): archive.read(name)
            for name in names
            if name.startswith(start)
        }


def _read_legacy(path):
    """Pickles one behind the other, and behind them the storages."""
    with open(path, "rb") as file:
        # Magic number, version of the format, and what wrote the file.
        head = [_TorchUnpickler(file).load() for _ in range(3)]
        if head[0] != LEGACY_MAGIC:
            raise pickle.UnpicklingError("it does not begin as such a file")
        reader = _TorchUnpickler(file)
        found = reader.load()
        storages = {}
        for key in _TorchUnpickler(file).load():
            count = int.from_bytes(file.read(8), "little")
            size = count * reader.dtypes[str(key)].itemsize
            storages[str(key)] = file.read(size)
            if len(storages[str(key)]) != size:
                raise EOFError("cut short")
        return found, storages


def set_torch_weights(network, arrays):
    """Fills a network with the weights of its PyTorch twin.

    Args:
        network: what `build_efficientnet_lite` gave.
        arrays: dict of names in efficientnet_lite_pytorch, as in
            "_blocks.0._bn1.weight", to arrays; the classifier's are unused.

    Raises:
        ValueError: weights are missing, left over or of another shape.
    """
    left = {name for name in arrays if not name.endswith("num_batches_tracked")}
    left -= {"_fc.weight", "_fc.bias"}
    for layer, name in _torch_names(network):
        parts = ("weight",)
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
        names = [f"{name}.{part}" for part in parts]
        missing = [one for one in names if one not in left]
        if missing:
            raise ValueError(f"there is no {missing[0]}")
        values = [np.asarray(arrays[one]) for one in names]
        if values[0].ndim == 4:
            # (out, in, h, w); of a filter a channel, (channels, 1, h, w).
            axes = (2, 3, 1, 0)
            if isinstance(layer, keras.layers.DepthwiseConv2D):
                axes = (2, 3, 0, 1)
            values = [values[0].transpose(axes)]
        layer.set_weights(values)
        left -= set(names)
    if left:
        raise ValueError(f"there is {min(left)} too many")


def _torch_names(network):
    """Layers with weights and what PyTorch calls them, in order."""
    plain = {
        "stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head",
        "top_bn": "_bn1",
    }  # fmt: skip
    parts = {
        "expand_conv": "_expand_conv", "expand_bn": "_bn0",
        "dwconv": "_depthwise_conv", "dw_bn": "_bn1",
        "project_conv": "_project_conv", "project_bn": "_bn2",
    }  # fmt: skip
    blocks = []
    for layer in network.layers:
        if not layer.weights:
            continue
        if layer.name in plain:
            yield layer, plain[layer.name]
            continue
        block, _, part = layer.name.partition("_")
        if block not in blocks:
            blocks.append(block)
        yield layer, f"_blocks.{len(blocks) - 1}.{parts[part]}"

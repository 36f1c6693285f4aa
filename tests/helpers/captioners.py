"""A small captioner of every kind, a batch for it, and ways to run it."""

import numpy as np
import pytest

from helpers.backend import as_numpy, compiled
from imcap.models.registry import build_captioner

B, N, T, K, D, V = 2, 3, 4, 5, 11, 17
SIZES = {"lstm_dim": 13, "emb_dim": 5, "z_dim": 19, "dropout": 0.4}
TRANSFORMER = {
    "emb_dim": 8,
    "num_layers": 2,
    "ff_size": 23,
    "heads": 2,
    "num_grids": 4,
    "max_positions": 9,
}
SCA_CNN = {
    "network": None,
    "attended": [
        {
            "channels": 7,
            "then": [
                {"conv": 4},
                {"norm": 1e-3},
                {"add": 4},
                {"activation": "relu6"},
            ],
        },
        {"channels": 4, "then": [{"conv": 5, "use_bias": False}]},
    ],
}
VARIANTS = {
    "spatial": ("adaptive", {}),
    "sgate": ("adaptive", {"sgate": True}),
    "hard": (
        "adaptive",
        {"sgate": True, "recurrent_activation": "hard_sigmoid"},
    ),
    "lstm": ("adaptive", {"lstm": True}),
    "attention alone": (
        "adaptive",
        {"sgate": True, "global_features": False},
    ),
    "show, attend and tell": ("show_attend_tell", {}),
    "hard attention": (
        "show_attend_tell",
        {"hard_attention": True, "score_activation": "relu"},
    ),
    "the paper's code": (
        "show_attend_tell",
        {
            "initial_state": "mlp",
            "deep_output": "tanh",
            "use_selector": False,
        },
    ),
    "up-down": ("up_down", {}),
    "att2in": ("att2in", {}),
    "sca-cnn": ("sca_cnn", {**SCA_CNN, "attention_order": "C-S"}),
    "sca-cnn, space first": (
        "sca_cnn",
        {
            **SCA_CNN,
            "attention_order": "S-C",
            "selector": True,
            "ctx2out": True,
        },
    ),
    "sca-cnn, channels": ("sca_cnn", {**SCA_CNN, "attention_order": "C"}),
    "spatial transformer": ("spatial_transformer", TRANSFORMER),
    "dot-product": (
        "spatial_pe",
        {
            **TRANSFORMER,
            "cross_attn": "dot-product",
            "enc_pos_type": "box-coord",
        },
    ),
    "transformer": (
        "transformer",
        {**TRANSFORMER, "norm": "RMS", "ff_activation": "GELU"},
    ),
    "relation transformer": ("relation_transformer", TRANSFORMER),
}
every_captioner = pytest.mark.parametrize("variant", VARIANTS)
LENGTHS = np.array([[4, 2, 3], [1, 3, 2]])  # real words, eos included


def make(variant, **options):
    """A small captioner, whatever its weights begin with."""
    name, own = VARIANTS[variant]
    model = build_captioner(name, V, D, **(SIZES | own), **options)
    generator = np.random.default_rng(1)
    for weight in model.weights:
        values = 0.4 * generator.normal(size=weight.shape)
        if weight.path.endswith("variance"):
            values = 1 + np.abs(values)
        weight.assign(values)
    return model


def batch(model=None, seed=0):
    generator = np.random.default_rng(seed)
    inputs = {
        "features": generator.normal(size=(B, K, D)).astype("float32"),
        "tokens": generator.integers(1, V, size=(B, N, T), dtype="int32"),
    }
    if model is not None and model.wanted_positions:
        # Relative boxes, or vectors of four cells: four numbers either way.
        corners = np.sort(generator.random((B, K, 2, 2)), axis=2)
        inputs["positions"] = corners.reshape(B, K, 4).astype("float32")
    return inputs


def packed(model):
    """A batch without padding, its targets and weights, and what is real."""
    inputs = batch(model)
    real = (np.arange(T) < LENGTHS[..., None]).reshape(B, -1)
    slots = np.argsort(~real, axis=1, kind="stable")
    slots = slots[:, : real.sum(axis=1).max()].astype("int32")
    counts = real.sum(axis=1, keepdims=True)
    words = np.flatnonzero(np.arange(slots.shape[1]) < counts)
    inputs["slots"], inputs["words"] = slots, words.astype("int32")
    targets = np.random.default_rng(5).integers(0, V, size=real.shape)
    flat = np.random.default_rng(6).random(real.shape).astype("float32")
    return inputs, targets.astype("int32"), flat * real, real


class Built:
    """A captioner, a batch for it, and what is compiled once for all tests.

    The model's weights must not change.
    """

    def __init__(self, model):
        self.model = model
        self.inputs = batch(model)
        self._logits = compiled(lambda inputs: model(inputs))
        self._encode = compiled(lambda inputs: model.encode(inputs))
        self._step = compiled(model.step)

    def logits(self, inputs):
        """Logits of whole captions, as NumPy."""
        return as_numpy(self._logits(inputs))[0]

    def step_by_step(self, inputs):
        """Logits (B, N, T, V) and attention, one word after another."""
        tokens = inputs["tokens"]
        memory = self._encode({k: inputs[k] for k in inputs if k != "tokens"})
        state = self.model.initial_state(memory, tokens.shape[1])
        logits, attention = [], []
        for time in range(tokens.shape[2]):
            now, state, seen = self._step(tokens[:, :, time], state, memory)
            logits.append(as_numpy(now)[0])
            attention.append({k: as_numpy(seen[k])[0] for k in seen})
        return np.stack(logits, axis=2), attention

    def padded(self, junk):
        """The batch with two locations more that are not there."""

        def longer(values):
            more = np.full((B, 2, values.shape[-1]), junk, "float32")
            return np.concatenate([values, more], axis=1)

        names = {"features", "positions"} & set(self.inputs)
        return {
            **self.inputs,
            **{name: longer(self.inputs[name]) for name in names},
            "mask": np.tile(np.arange(K + 2) < K, (B, 1)),
        }

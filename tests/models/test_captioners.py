"""What every captioner has to do, whatever it looks at."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from imcap.models.registry import CAPTIONERS, build_captioner

B, N, T, K, D, V = 2, 3, 5, 7, 11, 17
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
LENGTHS = np.array([[5, 2, 3], [1, 4, 2]])  # real words, eos included


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


def logits_of(model, inputs, **options):
    return as_numpy(computed(lambda: model(inputs, **options)))[0]


def step_by_step(model, inputs):
    """Logits (B, N, T, V) and attention, one word after another."""

    def run():
        memory = model.encode(inputs)
        state = model.initial_state(memory, N)
        logits, seen = [], []
        for time in range(T):
            said, state, looked = model.step(
                inputs["tokens"][:, :, time], state, memory
            )
            logits.append(said)
            seen.append(looked)
        return ops.stack(logits, axis=2), seen

    return computed(run)


def test_no_captioner_is_left_out():
    assert {name for name, _ in VARIANTS.values()} == set(CAPTIONERS)


@every_captioner
def test_step_is_teacher_forcing(variant):
    model = make(variant)
    inputs = batch(model)
    inputs["mask"] = np.arange(K) < np.array([[K], [4]])
    whole = logits_of(model, inputs)
    assert whole.shape == (B, N, T, V)
    logits, seen = step_by_step(model, inputs)
    np.testing.assert_allclose(as_numpy(logits)[0], whole, atol=1e-5)
    for looked in seen:
        assert set(looked) <= {"weights", "sentinel", "gate", "channels"}
        if "weights" not in looked:
            continue
        weights = as_numpy(looked["weights"])[0]
        if weights.ndim == 4:  # heads
            np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)
            weights = weights.mean(axis=-1)
        assert weights.shape == (B, N, K)
        np.testing.assert_array_equal(weights[1, :, 4:], 0)
        total = weights.sum(axis=-1)
        if "sentinel" in looked:
            total = total + as_numpy(looked["sentinel"])[0]
        np.testing.assert_allclose(total, 1, rtol=1e-5)


@every_captioner
@pytest.mark.parametrize("junk", [0.0, np.nan, 1e30])
def test_padded_is_unpadded(variant, junk):
    model = make(variant)
    inputs = batch(model)
    expected = logits_of(model, inputs)
    more = np.full((B, 2, D), junk, "float32")
    padded = dict(inputs)
    padded["features"] = np.concatenate([inputs["features"], more], axis=1)
    if "positions" in inputs:
        more = np.full((B, 2, 4), junk, "float32")
        where = np.concatenate([inputs["positions"], more], axis=1)
        padded["positions"] = where
    padded["mask"] = np.tile(np.arange(K + 2) < K, (B, 1))
    found = logits_of(model, padded)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # Words behind a caption's end do not reach back.
    later = {**inputs, "tokens": inputs["tokens"].copy()}
    later["tokens"][:, :, 3:] = 0
    found = logits_of(model, later)
    np.testing.assert_allclose(found[:, :, :3], expected[:, :, :3], atol=1e-6)


@every_captioner
def test_inference_is_deterministic_and_training_is_not(variant):
    model = make(variant)
    inputs = batch(model)
    first, second = logits_of(model, inputs), logits_of(model, inputs)
    np.testing.assert_array_equal(first, second)
    dropped = logits_of(model, inputs, training=True)
    assert np.abs(first - dropped).max() > 0.01


@every_captioner
def test_captions_and_pictures_are_independent(variant):
    model = make(variant)
    inputs = batch(model)
    before = logits_of(model, inputs)
    inputs["tokens"][0, 1] = 3
    inputs["features"][1] += 1
    after = logits_of(model, inputs)
    np.testing.assert_allclose(before[0, [0, 2]], after[0, [0, 2]], atol=1e-6)
    assert np.abs(before[0, 1] - after[0, 1]).max() > 1e-3
    assert np.abs(before[1] - after[1]).max() > 1e-3


@every_captioner
def test_config_and_file_round_trip(variant, tmp_path):
    model = make(variant)
    inputs = batch(model)
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    copy.set_weights(model.get_weights())
    expected = logits_of(model, inputs)
    np.testing.assert_allclose(logits_of(copy, inputs), expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    np.testing.assert_allclose(logits_of(again, inputs), expected, atol=1e-6)
    found, _ = step_by_step(again, inputs)
    np.testing.assert_allclose(as_numpy(found)[0], expected, atol=1e-5)


def test_step_keeps_the_state_as_it_was():
    # A loop that decodes refuses a state that changes its dtype.
    for policy in ("float32", "mixed_float16"):
        model, inputs = make("sgate", dtype=policy), batch()

        def run(model=model, inputs=inputs):
            memory = model.encode(inputs)
            state = model.initial_state(memory, N)
            _, after, _ = model.step(inputs["tokens"][:, :, 0], state, memory)
            return state, after

        state, after = computed(run)
        for one, other in zip(state, after, strict=True):
            assert one.dtype == other.dtype
            assert tuple(one.shape) == tuple(other.shape) == (B, N, 13)


def test_output_bias():
    model = make("spatial")
    model.set_output_bias(np.linspace(-5, 0, V))
    np.testing.assert_allclose(
        as_numpy(model.output_dense.bias)[0], np.linspace(-5, 0, V), rtol=1e-6
    )


def test_unknown_captioner_and_unknown_options():
    with pytest.raises(ValueError, match="there are adaptive"):
        build_captioner("adaptiv", V, D)
    model = build_captioner("adaptive", V, D, **SIZES, num_layers=6)
    assert model.lstm_dim == 13

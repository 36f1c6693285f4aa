"""The transformer captioners against published outputs, and their limits."""

import json

import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from helpers.places import GOLDEN
from imcap.decoding import greedy
from imcap.models.relation_transformer import RelationTransformer
from imcap.models.spatial_transformer import SpatialTransformer

GOLDEN = GOLDEN / "spatial_transformer.npz"
TINY = {
    "num_layers": 2,
    "emb_dim": 6,
    "ff_size": 7,
    "heads": 2,
    "num_grids": 9,
    "max_positions": 5,
}

# Name here: name there. {} is the number of a block.
ENCODER_BLOCK = {
    "attention.query": "self_attn.linears.0",
    "attention.key": "self_attn.linears.1",
    "attention.value": "self_attn.linears.2",
    "attention.outer": "self_attn.linears.3",
    "feed_forward.hidden": "feed_forward.fc.0",
    "feed_forward.outer": "feed_forward.fc.3",
    "norms.0": "sublayer.0.norm",
    "norms.1": "sublayer.1.norm",
}
DOT_PRODUCT = {
    "cross.query": "cross_attn.linears.0",
    "cross.key": "cross_attn.linears.1",
    "cross.value": "cross_attn.linears.2",
    "cross.outer": "cross_attn.linears.3",
}
X_LINEAR = {
    "cross.query.dense": "cross_attn.linears.0.0",
    "cross.query.norm": "cross_attn.linears.0.2",
    "cross.key.dense": "cross_attn.linears.1.0",
    "cross.key.norm": "cross_attn.linears.1.2",
    "cross.second.dense": "cross_attn.linears.2.0",
    "cross.second.norm": "cross_attn.linears.2.2",
    "cross.value.dense": "cross_attn.linears.3.0",
    "cross.value.norm": "cross_attn.linears.3.2",
    "cross.gate": "cross_attn.attention.squeeze.0",
}
POSITIONS = {
    "gxg": {"of_rows": "fc1", "of_columns": "fc2", "of_features": "fc3"},
    "g2": {"of_cells": "fc"},
    "box-coord": {"hidden": "fc.0", "outer": "fc.2"},
    "none": {},
}


def names(variant):
    """All sublayers of a variant and what they are called there."""
    cross = X_LINEAR if variant["cross_attn"] == "xlinear" else DOT_PRODUCT
    decoder_block = {**ENCODER_BLOCK, **cross, "norms.2": "sublayer.2.norm"}
    found = {
        "feature_dense": "att_embed.0",
        "encoder.last_norm": "model.encoder.norm",
        "decoder.last_norm": "model.decoder.norm",
        "decoder.embedding.embedding": "model.tgt_embed.0.embedding",
        "output_dense": "model.generator.proj",
    }
    for here, there in POSITIONS[variant["enc_pos_type"]].items():
        found[f"located.{here}"] = f"model.src_embed.{there}"
    for number in range(variant["num_layers"]):
        for part, block in (
            ("encoder", ENCODER_BLOCK),
            ("decoder", decoder_block),
        ):
            for here, there in block.items():
                found[f"{part}.blocks.{number}.{here}"] = (
                    f"model.{part}.layers.{number}.{there}"
                )
    return found


def at(thing, path):
    """The attribute `path` (dots, numbers into lists) of a thing."""
    for name in path.split("."):
        thing = thing[int(name)] if name.isdigit() else getattr(thing, name)
    return thing


def load(model, weights, variant):
    """Puts published weights in their places; returns what was not used."""
    left = dict(weights)
    for here, there in names(variant).items():
        layer = at(model, here)
        for weight in layer.weights:
            kind = "bias" if weight.name in ("bias", "beta") else "weight"
            if weight.name == "scale":
                kind = "scale"
            value = left.pop(f"{there}.{kind}")
            weight.assign(value.T if weight.name == "kernel" else value)
    if variant["cross_attn"] == "xlinear":
        for number, block in enumerate(model.decoder.blocks):
            there = f"model.decoder.layers.{number}.cross_attn.attention."
            block.cross.pair_kernel.assign(left.pop(there + "embed.0.weight").T)
            block.cross.pair_bias.assign(left.pop(there + "embed.0.bias"))
            block.cross.score_kernel.assign(
                left.pop(there + "spatial.weight").T
            )
    return left


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def published(golden, number):
    """Model, inputs and log-probabilities of a published variant."""
    variant = json.loads(str(golden["variants_json"]))[number]
    parts = {
        key.removeprefix(variant["prefix"]): golden[key]
        for key in golden
        if key.startswith(variant["prefix"])
    }
    located = variant["enc_pos_type"] != "none"
    model = SpatialTransformer(
        variant["vocab_size"] + 1,
        parts["features"].shape[-1],
        num_layers=variant["num_layers"],
        emb_dim=variant["input_encoding_size"],
        ff_size=variant["ff_size"],
        heads=variant["heads"],
        norm=variant["norm"],
        ff_activation=variant["ff_activation"],
        cross_attn=variant["cross_attn"],
        num_grids=variant["num_grids"],
        positions=located,
        **({"enc_pos_type": variant["enc_pos_type"]} if located else {}),
    )
    weights = {
        key.removeprefix("weights/"): parts[key]
        for key in parts
        if key.startswith("weights/")
    }
    left = load(model, weights, variant)
    inputs = {
        "features": parts["features"],
        "mask": parts["mask"] > 0,
        "tokens": parts["captions"][:, None, :-1].astype("int32"),
    }
    if located:
        inputs["positions"] = parts["positions"]
    return model, inputs, parts["log_probabilities"], left


@pytest.mark.parametrize("number", range(4))
def test_published_log_probabilities(golden, number):
    model, inputs, expected, left = published(golden, number)
    # A softmax cancels these biases; the rest are tables, not weights.
    cancelled = ("self_attn.linears.1.bias", "spatial.bias")
    if number in (1, 3):
        cancelled += ("cross_attn.linears.1.bias",)
    tables = ("pe", "rows", "cols")
    assert all(key.endswith((*cancelled, *tables)) for key in left)

    def said():
        return ops.log_softmax(model(inputs), axis=-1)[:, 0]

    found = as_numpy(computed(said))[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def tiny(kind, **options):
    if kind is RelationTransformer:
        options.pop("cross_attn", None)
        sizes = {key: TINY[key] for key in TINY if key != "num_grids"}
        return kind(17, 11, **sizes, **options)
    return kind(17, 11, **TINY, **options)


def pictures(model, images=2, locations=7):
    generator = np.random.default_rng(4)
    shape = (images, locations)
    inputs = {"features": generator.normal(size=(*shape, 11))}
    if model.wanted_positions == "grid":
        inputs["positions"] = generator.random((*shape, 9))
    if model.wanted_positions == "boxes":
        corners = np.sort(generator.random((*shape, 2, 2)), axis=-2)
        inputs["positions"] = corners.reshape(*shape, 4)
    return {key: inputs[key].astype("float32") for key in inputs}


def test_greedy_takes_the_best_of_teacher_forcing():
    """To the last place of the cache."""
    model, steps = tiny(SpatialTransformer, cross_attn="xlinear"), 5
    generator = np.random.default_rng(6)
    for weight in model.weights:
        weight.assign(0.6 * generator.normal(size=weight.shape))
    inputs = pictures(model)

    def decoded():
        memory = model.encode(inputs)

        def step(tokens, state):
            return model.step(tokens, state, memory)

        state = model.initial_state(memory, 1)
        return greedy(step, state, (2, 1, steps), 1, 0).tokens

    tokens = ops.convert_to_numpy(computed(decoded))
    read = np.concatenate([np.ones_like(tokens[..., :1]), tokens], axis=2)
    read = read[..., :-1].astype("int32")
    logits = computed(lambda: model({**inputs, "tokens": read}))
    best = as_numpy(logits)[0].argmax(axis=-1)
    real = np.cumsum(tokens == 0, axis=2) - (tokens == 0) == 0
    np.testing.assert_array_equal(tokens[real], best[real])


def test_where_locations_are_wanted():
    assert tiny(SpatialTransformer).wanted_positions == "grid"
    boxes = tiny(SpatialTransformer, enc_pos_type="box-coord")
    assert boxes.wanted_positions == "boxes"
    fixed = tiny(
        SpatialTransformer, enc_pos_type="box-coord", enc_pos_embedding=False
    )
    assert fixed.wanted_positions == "grid"
    plain = tiny(SpatialTransformer, positions=False)
    assert plain.wanted_positions is None
    assert tiny(RelationTransformer).wanted_positions == "boxes"


@pytest.mark.parametrize("kind", [SpatialTransformer, RelationTransformer])
def test_where_locations_are_matters(kind):
    model = tiny(kind)
    inputs = {**pictures(model), "tokens": np.ones((2, 1, 3), "int32")}
    before = as_numpy(computed(lambda: model(inputs)))[0]
    inputs["positions"] = inputs["positions"][:, ::-1]
    after = as_numpy(computed(lambda: model(inputs)))[0]
    assert np.abs(before - after).max() > 1e-5


def test_captions_that_are_too_long_are_refused():
    model = tiny(SpatialTransformer, positions=False)
    inputs = {**pictures(model), "tokens": np.ones((2, 1, 6), "int32")}
    with pytest.raises(ValueError, match="max_positions is 5"):
        model(inputs)


def test_attention_has_heads_last():
    model = tiny(SpatialTransformer, cross_attn="dot-product")
    inputs = pictures(model)

    def looked():
        memory = model.encode(inputs)
        state = model.initial_state(memory, 3)
        return model.step(np.ones((2, 3), "int32"), state, memory)[2]

    weights = as_numpy(computed(looked))[0]
    assert weights.shape == (2, 3, 7, 2)
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)

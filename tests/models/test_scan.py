"""SCAN against the outputs of the published implementation."""

import json

import keras
import numpy as np
import pytest

from helpers.backend import as_numpy, computed
from helpers.places import GOLDEN
from imcap.models import score_blocks as blocks
from imcap.models.scan import Scan
from imcap.training.ranking import RankingHinge

GOLDEN = np.load(GOLDEN / "scan.npz", allow_pickle=False)
VARIANTS = json.loads(str(GOLDEN["variants_json"]))
# Our names for their weights; theirs are transposed.
NAMES = {
    "regions/kernel": "image_encoder/fc.weight",
    "regions/bias": "image_encoder/fc.bias",
    "embedding/embeddings": "text_encoder/embed.weight",
}
PARTS = {
    "kernel": "weight_ih_l0",
    "recurrent_kernel": "weight_hh_l0",
    "bias": "bias_ih_l0",
    "recurrent_bias": "bias_hh_l0",
}
for direction, suffix in (("forward", ""), ("backward", "_reverse")):
    for part, name in PARTS.items():
        path = f"gru/{direction}_0_{part}"
        NAMES[path] = f"text_encoder/rnn.{name}{suffix}"
FEATURES = GOLDEN["features"]
TOKENS = GOLDEN["captions"].astype("int32")
WORDS = TOKENS != 0


def golden_model(**options):
    """A model of the golden sizes with the published weights."""
    model = Scan(
        len(GOLDEN["text_encoder/embed.weight"]),
        FEATURES.shape[2],
        embed_size=16,
        word_dim=12,
        bi_gru=True,
        **options,
    )
    for weight in model.weights:
        value = GOLDEN[NAMES[weight.path]]
        transposed = weight.path.endswith("kernel")
        weight.assign(value.T if transposed else value)
    return model


def test_embeddings_are_the_published_ones():
    model = golden_model()
    assert len(model.weights) == len(NAMES)
    images = computed(lambda: model.encode_images(FEATURES))
    captions = computed(lambda: model.encode_captions(TOKENS))
    np.testing.assert_allclose(
        as_numpy(images)[0], GOLDEN["image_embeddings"], atol=1e-5
    )
    np.testing.assert_allclose(
        as_numpy(captions)[0][WORDS],
        GOLDEN["caption_embeddings"][WORDS],
        atol=1e-5,
    )
    assert not np.any(as_numpy(captions)[0][~WORDS])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v["key"])
def test_scores_and_losses_are_the_published_ones(variant):
    options = {
        key: variant[key]
        for key in (
            "cross_attn",
            "agg_func",
            "lambda_lse",
            "lambda_softmax",
            "raw_feature_norm",
        )
    }
    model = golden_model(**options)
    inputs = {"features": FEATURES, "tokens": TOKENS}
    scores = as_numpy(computed(lambda: model(inputs)))[0]
    np.testing.assert_allclose(scores, GOLDEN[variant["key"]], atol=1e-5)
    pairs = variant["loss_pairs"]
    for name, hardest in (("loss_sum", False), ("loss_max_violation", True)):
        loss = RankingHinge(max_violation=hardest)
        found = loss(None, scores[:pairs, :pairs])
        np.testing.assert_allclose(float(found), variant[name], rtol=1e-5)


def tiny(**options):
    return Scan(17, 5, embed_size=11, word_dim=7, **options)


@pytest.mark.parametrize("encoder", ["basic", "weight_norm"])
def test_a_saved_model_is_the_same_model(encoder, tmp_path):
    model = tiny(
        precomp_enc_type=encoder,
        num_layers=2,
        bi_gru=True,
        no_imgnorm=True,
        no_txtnorm=True,
        cross_attn="i2t",
        raw_feature_norm="softmax",
        agg_func="Max",
    )
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert copy.get_config() == model.get_config()
    inputs = {"features": FEATURES[..., :5], "tokens": TOKENS % 17}
    found, expected = (
        as_numpy(computed(lambda each=each: each(inputs)))[0]
        for each in (copy, model)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_unknown_encoder_is_named():
    with pytest.raises(ValueError, match=r"precomp_enc_type .* got 'other'"):
        tiny(precomp_enc_type="other")


@pytest.mark.parametrize("direction", ["t2i", "i2t"])
def test_padding_changes_nothing(direction):
    model = golden_model(cross_attn=direction)
    plain = model({"features": FEATURES, "tokens": TOKENS})
    padding = np.full((len(FEATURES), 2, FEATURES.shape[2]), np.nan, "float32")
    features = np.concatenate([FEATURES, padding], axis=1)
    tokens = np.pad(TOKENS, ((0, 0), (0, 3)))
    mask = np.arange(features.shape[1]) < FEATURES.shape[1]
    mask = np.tile(mask, (len(features), 1))
    inputs = {"features": features, "tokens": tokens, "mask": mask}
    padded = computed(lambda: model(inputs))
    np.testing.assert_allclose(
        as_numpy(padded)[0], as_numpy(plain)[0], atol=1e-5
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_comes_near(policy):
    inputs = {"features": FEATURES, "tokens": TOKENS}
    scores = as_numpy(computed(lambda: golden_model(dtype=policy)(inputs)))[0]
    np.testing.assert_allclose(scores, GOLDEN["scores/0"], atol=0.05)


def test_training_finds_the_pairs():
    model = tiny(bi_gru=True)
    rng = np.random.default_rng(0)
    inputs = {
        "features": rng.normal(size=(5, 3, 5)).astype("float32"),
        "tokens": rng.integers(1, 17, (5, 4)).astype("int32"),
    }
    model.compile(keras.optimizers.Adam(0.02), RankingHinge())
    losses = [model.train_on_batch(inputs, np.arange(5)) for _ in range(30)]
    assert losses[-1] < losses[0] / 5
    scores = as_numpy(computed(lambda: model(inputs)))[0]
    assert np.array_equal(scores.argmax(axis=1), np.arange(5))


def filled(model, images, captions, **options):
    """The whole score matrix, put together of blocks, and their number."""
    found = np.full((len(images), len(options["lengths"])), np.nan)
    count = 0
    for rows, columns, scores in blocks.score_blocks(
        model, images, captions, **options
    ):
        assert np.all(np.isnan(found[rows, columns]))
        found[rows, columns] = scores
        count += 1
    return found, count


@pytest.mark.parametrize(
    ("direction", "masked"), [("t2i", False), ("t2i", True), ("i2t", True)]
)
def test_blocks_are_the_whole(direction, masked, monkeypatch):
    model = golden_model(cross_attn=direction)
    images, captions = GOLDEN["image_embeddings"], GOLDEN["caption_embeddings"]
    lengths = GOLDEN["lengths"]
    mask = None
    if masked:
        mask = np.ones(images.shape[:2], "bool")
        mask[1:4, 4:] = False
        images = np.where(mask[..., None], images, np.nan)
    # Three images a chunk, two chunks a block of rows at the most.
    monkeypatch.setattr(blocks, "WORDS", 20)
    monkeypatch.setattr(blocks, "NUMBERS", 3 * images.shape[1] * 20)
    whole = computed(lambda: model.score(images, captions, mask, WORDS))
    for words, memory, rows in (
        (captions, 1e9, 1),
        (captions[WORDS], 1.0, 2),
    ):
        options = {"lengths": lengths, "image_mask": mask, "memory": memory}
        found, count = filled(model, images, words, **options)
        assert count >= rows * len(np.unique(lengths))
        np.testing.assert_allclose(found, as_numpy(whole)[0], atol=1e-5)


def test_blocks_want_words_for_every_caption():
    model = tiny()
    images, words = np.ones((2, 3, 11)), np.ones((7, 11))
    for lengths, message in (
        (None, "words side by side need the captions' lengths"),
        ([3, 5], "do not match"),
        ([0, 7], "a caption without words"),
    ):
        with pytest.raises(ValueError, match=message):
            next(blocks.score_blocks(model, images, words, lengths=lengths))

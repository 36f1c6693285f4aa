"""Global embeddings beside stacked cross attention."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.backend import as_numpy, computed
from imcap.models import score_blocks as blocks
from imcap.models.ridge_matcher import RidgeMatcher, solve_ridge
from imcap.models.scan import Scan
from imcap.training.ranking import ContrastiveLoss, LossPerScore, RankingHinge

B, C, K, D, V, T, E, G = 4, 3, 5, 6, 9, 7, 8, 4
TOKENS = np.array(
    [[1, 4, 5, 4, 2, 0, 0], [1, 8, 6, 7, 5, 3, 2], [1, 3, 2, 0, 0, 0, 0]],
    "int32",
)
MASK = np.arange(K) < np.array([[5], [2], [5], [4]])

hinge, contrast = RankingHinge(), ContrastiveLoss(0.1)


def scan(**options):
    keras.utils.set_random_seed(0)
    return Scan(V, D, embed_size=E, word_dim=5, global_head=G, **options)


@pytest.fixture
def features():
    values = np.random.default_rng(0).normal(size=(B, K, D)).astype("float32")
    values[~MASK] = np.nan
    return values


def head_by_hand(model, features):
    """Cosines (B, C) of the global vectors."""
    image, caption = model.global_image, model.global_caption
    kernel, bias = np.asarray(image.kernel), np.asarray(image.bias)
    words = np.asarray(caption.embedding.embeddings)
    project = np.asarray(caption.project.kernel)
    embedded = model.embedding(TOKENS)
    states = np.asarray(model.gru(embedded, TOKENS != 0))
    scores = np.zeros((B, C))
    for row in range(B):
        pooled = features[row][MASK[row]].mean(axis=0)
        standard = (pooled - np.asarray(image.mean)) / np.asarray(
            image.deviation
        )
        picture = standard @ kernel + bias
        for column, ids in enumerate(TOKENS):
            real = ids != 0
            said = words[ids[real]].sum(axis=0)
            order = (states[column][real] @ project).mean(axis=0)
            said = said / np.linalg.norm(said)
            said = said + float(np.asarray(caption.gate)) * order
            lengths = np.linalg.norm(picture) * np.linalg.norm(said)
            scores[row, column] = picture @ said / lengths
    return scores


def test_scores_are_those_of_attention_and_of_the_whole(features):
    model = scan(global_weight=0.5)
    rng = np.random.default_rng(1)
    model.global_image.mean.assign(rng.normal(size=D))
    model.global_image.deviation.assign(rng.uniform(0.5, 2.0, D))
    inputs = {"features": features, "tokens": TOKENS, "mask": MASK}
    both = as_numpy(computed(lambda: model(inputs)))[0]
    assert both.shape == (B, C, 2)
    expected = head_by_hand(model, features)
    np.testing.assert_allclose(both[..., 1], expected, atol=1e-5)
    images = model.encode_images(features, MASK)
    captions = model.encode_captions(TOKENS)
    assert images.shape == (B, K, E + G) and captions.shape == (C, T, E + G)
    score = as_numpy(model.score(images, captions, MASK, TOKENS != 0))[0]
    np.testing.assert_allclose(score, both @ [1.0, 0.5], atol=1e-5)
    found = np.full((B, C), np.nan)
    parts = as_numpy((images, captions))
    lengths = (TOKENS != 0).sum(axis=1)
    for rows, columns, values in blocks.score_blocks(
        model, *parts, image_mask=MASK, lengths=lengths
    ):
        found[rows, columns] = values
    np.testing.assert_allclose(found, score, atol=1e-5)


def test_attention_is_that_of_the_local_part(features):
    model, features = scan(), np.nan_to_num(features[:C])
    images = model.encode_images(features)
    captions = model.encode_captions(TOKENS)
    found = model.attend(images, captions, None, TOKENS != 0)
    expected = model.attention.attend(
        images[..., :E], captions[..., :E], None, TOKENS != 0
    )
    np.testing.assert_allclose(as_numpy(found)[0], as_numpy(expected)[0])


def test_the_head_begins_as_the_ridge(features):
    """What a GRU adds apart, it is the ridge, with features centred."""
    rng = np.random.default_rng(2)
    pooled = rng.normal(size=(50, D))
    said = (rng.random((50, V)) < 0.4).astype("float32")
    said[:, :4] = 0.0
    ridge = RidgeMatcher(V, D, G)
    ridge.fit_line(pooled, said, said / 2, 3.0)
    model = scan()
    model.start_as_ridge(ridge, pooled)
    model.global_caption.gate.assign(0.0)
    tokens = TOKENS[:2].copy()
    tokens[0, 3] = 0  # the ridge counts a word once
    tokens[0, 3:5] = [2, 0]
    inputs = {"features": features, "tokens": tokens, "mask": MASK}
    found = as_numpy(computed(lambda: model(inputs)))[0][..., 1]
    # Cosines of vectors of length 1 each: the ridge's are of all words.
    expected = as_numpy(ridge(inputs))[0]
    scale = found / expected
    np.testing.assert_allclose(scale, scale[:1].repeat(B, axis=0), rtol=1e-4)
    assert scale.min() > 0.5
    lengths = as_numpy(model.global_image(pooled[:, None], training=False))[0]
    np.testing.assert_allclose(
        np.linalg.norm(lengths[:, 0], axis=-1), 1.0, atol=1e-5
    )


def test_directions_that_a_ridge_lacks_can_be_learnt(features):
    """Two words vary in two directions; the head has four."""
    rng = np.random.default_rng(3)
    pooled, said = rng.normal(size=(30, D)), np.zeros((30, V), "float32")
    said[:, 4:6] = rng.random((30, 2)) < 0.5
    ridge = RidgeMatcher(V, D, G)
    solution = solve_ridge(pooled, said, said, 3.0, G)
    solution = dataclasses.replace(
        solution, directions=solution.directions[:, :2]
    )
    ridge.set_line(solution, pooled)
    model = scan()
    model.start_as_ridge(ridge, pooled)
    kernel = as_numpy(model.global_image.kernel)[0]
    assert np.all(kernel[:, 2:] == 0) and np.any(kernel[:, :2], axis=0).all()
    model.compile(keras.optimizers.SGD(0.1), LossPerScore([hinge, contrast]))
    inputs = {"features": features[:C], "tokens": TOKENS, "mask": MASK[:C]}
    model.train_on_batch(inputs, np.arange(C))
    kernel = as_numpy(model.global_image.kernel)[0]
    assert np.any(kernel, axis=0).all()


def test_words_that_sum_to_nothing_move_little(features):
    """Their sum has no direction; the step must not be huge for that."""
    model = scan()
    words = as_numpy(model.global_caption.embedding.embeddings)[0]
    words[8] = -words[7] + 1e-9
    model.global_caption.embedding.embeddings.assign(words)
    tokens = TOKENS.copy()
    tokens[0] = [7, 8, 0, 0, 0, 0, 0]
    model.compile(keras.optimizers.SGD(1.0), LossPerScore([hinge, contrast]))
    inputs = {"features": features[:C], "tokens": tokens, "mask": MASK[:C]}
    model.train_on_batch(inputs, np.arange(C))
    moved = as_numpy(model.global_caption.embedding.embeddings)[0] - words
    assert np.all(np.isfinite(moved)) and np.abs(moved).max() < 1e6


def test_dropout_is_for_training_alone(features):
    model = scan(feature_dropout=0.5, word_dropout=0.5)
    inputs = {"features": features, "tokens": TOKENS, "mask": MASK}
    plain = [as_numpy(model(inputs))[0] for _ in range(2)]
    np.testing.assert_array_equal(*plain)
    hidden = as_numpy(model(inputs, training=True))[0]
    assert np.all(np.isfinite(hidden))
    assert np.abs(hidden - plain[0]).max() > 1e-3


def test_a_saved_model_is_the_same_model(features, tmp_path):
    model = scan(feature_dropout=0.1, word_dropout=0.2, global_weight=2.0)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert copy.get_config() == model.get_config()
    inputs = {"features": features, "tokens": TOKENS, "mask": MASK}
    found, expected = (as_numpy(each(inputs))[0] for each in (copy, model))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_comes_near(policy, features):
    inputs = {"features": features, "tokens": TOKENS, "mask": MASK}
    found, expected = (
        as_numpy(scan(dtype=each)(inputs))[0] for each in (policy, None)
    )
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_dropouts_keep_the_policy():
    model = scan(dtype="mixed_bfloat16", feature_dropout=0.1, word_dropout=0.1)
    for layer in (model.hide_channels, model.hide_words):
        assert layer.dtype_policy.name == "mixed_bfloat16"


def test_training_finds_the_pairs():
    model = scan(bi_gru=True)
    rng = np.random.default_rng(0)
    inputs = {
        "features": rng.normal(size=(5, 3, D)).astype("float32"),
        "tokens": rng.integers(1, V, (5, 4)).astype("int32"),
    }
    loss = LossPerScore([RankingHinge(), ContrastiveLoss(0.1)])
    model.compile(keras.optimizers.Adam(0.02), loss)
    losses = [model.train_on_batch(inputs, np.arange(5)) for _ in range(40)]
    assert losses[-1] < losses[0] / 5
    both = as_numpy(computed(lambda: model(inputs)))[0]
    for part in (both[..., 0], both[..., 1]):
        assert np.array_equal(part.argmax(axis=1), np.arange(5))

"""Confidence in captions: equal to its equations, written out."""

import numpy as np
import pytest

from imcap.models.confidence import CaptionConfidence

B, N, K, D, V, T, R, Q = 3, 2, 5, 7, 11, 6, 4, 3
EOS = 2


@pytest.fixture
def layer():
    """A layer with weights of every kind."""
    rng = np.random.default_rng(0)
    layer = CaptionConfidence(V, D, EOS, rank=R, axes=Q)
    pooled = rng.normal(size=(40, D))
    said = (rng.random((40, V)) < 0.3).astype("float32")
    said[:, :4] = 0.0
    layer.matcher.fit_line(pooled, said, said / 2, 3.0)
    directions, _ = np.linalg.qr(rng.normal(size=(D, Q)))
    layer.directions.assign(directions)
    for weight in (layer.typical, layer.centre, layer.weights_of_evidence):
        weight.assign(rng.normal(size=weight.shape))
    layer.spread.assign(rng.uniform(0.5, 2.0, layer.spread.shape))
    layer.bias.assign([0.3])
    layer.residual.assign([0.7, 0.4])
    return layer


@pytest.fixture
def inputs():
    """Captions of all lengths, one of them cut off."""
    rng = np.random.default_rng(1)
    tokens = rng.integers(3, V, (B, N, T)).astype("int32")
    for place, length in enumerate([0, 1, 3, 4, 5]):
        image, number = divmod(place, N)
        tokens[image, number, length:] = EOS
    return {
        "features": rng.normal(size=(B, K, D)).astype("float32"),
        "tokens": tokens,
        "log_probs": -rng.random((B, N, T)).astype("float32"),
        "opened": rng.random((B, N, T)).astype("float32"),
    }


def by_hand(layer, features, tokens, log_probs, opened):
    """Confidence of one caption of one picture, (K, D) and (T,)."""
    matcher = layer.matcher
    idf = np.asarray(matcher.idf.embeddings)[:, 0]
    words = np.asarray(matcher.embedding.embeddings)  # (V, R)
    mean = np.asarray(matcher.standardise.moving_mean)
    deviation = np.sqrt(np.asarray(matcher.standardise.moving_variance))
    standard = (features.mean(axis=0) - mean) / deviation
    image = np.append(standard, 1.0) @ np.asarray(matcher.inner.kernel)
    image /= np.linalg.norm(image)
    ends = np.flatnonzero(tokens == EOS)
    length = int(ends[0]) if len(ends) else len(tokens)
    shown = min(length + 1, len(tokens))
    known = sorted(set(tokens[:length]))
    weights = idf[known]
    caption = np.zeros(R)
    if weights.any():
        caption = weights @ words[known] / np.linalg.norm(weights)
    evidence = [
        log_probs[:shown].mean(),
        log_probs[:shown].min(),
        caption @ image,
        caption @ (image - np.asarray(layer.typical)),
        opened[:shown].mean(),
    ]
    score = (evidence - np.asarray(layer.centre)) / np.asarray(layer.spread)
    score = score @ np.asarray(layer.weights_of_evidence) + 0.3
    inside = standard @ np.asarray(layer.directions)
    rest = np.log(standard @ standard - inside @ inside)
    strange = max(0.0, (rest - 0.7) / 0.4)
    return np.exp(-(strange**2) / 2) / (1 + np.exp(-score))


def test_equals_its_equations(layer, inputs):
    found = np.asarray(layer(**inputs))
    assert found.shape == (B, N)
    for image in range(B):
        for number in range(N):
            expected = by_hand(
                layer,
                inputs["features"][image],
                *(
                    inputs[name][image, number]
                    for name in ("tokens", "log_probs", "opened")
                ),
            )
            np.testing.assert_allclose(
                found[image, number], expected, rtol=1e-4, atol=1e-6
            )


def test_what_comes_after_the_end_changes_nothing(layer, inputs):
    before = np.asarray(layer(**inputs))
    inputs["tokens"][0, 1, 3:] = 5
    inputs["log_probs"][0, 1, 3:] = -9.0
    inputs["opened"][0, 1, 3:] = 0.0
    np.testing.assert_allclose(np.asarray(layer(**inputs)), before, rtol=1e-6)


def test_hidden_locations_change_nothing(layer, inputs):
    mask = np.ones((B, K), bool)
    mask[:, -2:] = False
    fewer = inputs | {"features": inputs["features"][:, :-2]}
    inputs["features"][:, -2:] = np.nan
    np.testing.assert_allclose(
        np.asarray(layer(**inputs, mask=mask)),
        np.asarray(layer(**fewer)),
        rtol=1e-5,
    )


def test_without_a_gate(layer, inputs):
    ones = inputs | {"opened": np.ones((B, N, T), "float32")}
    found = np.asarray(layer(**(inputs | {"opened": None})))
    np.testing.assert_allclose(found, np.asarray(layer(**ones)), rtol=1e-6)


def test_strange_pictures_are_declined(layer, inputs):
    far = inputs | {"features": inputs["features"] * 100}
    assert (np.asarray(layer(**far)) < 1e-6).all()


def test_config_comes_back(layer):
    config = layer.get_config()
    assert CaptionConfidence.from_config(config).get_config() == config

"""The adaptive captioner against its equations, word after word."""

import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from imcap.models.adaptive import Adaptive

B, N, T, K, D, V, U = 2, 3, 5, 7, 11, 17, 13


def make():
    model = Adaptive(V, D, lstm_dim=U, emb_dim=5, z_dim=19, sgate=True)
    generator = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(0.4 * generator.normal(size=weight.shape))
    return model


def batch():
    generator = np.random.default_rng(0)
    return {
        "features": generator.normal(size=(B, K, D)).astype("float32"),
        "tokens": generator.integers(1, V, size=(B, N, T), dtype="int32"),
    }


def test_adaptive_follows_the_equations():
    model, inputs = make(), batch()
    w = {weight.path: ops.convert_to_numpy(weight) for weight in model.weights}

    def dense(path, value):
        bias = w.get(f"{path}/bias", 0.0)
        return value @ w[f"{path}/kernel"] + bias

    def sigmoid(value):
        return 1 / (1 + np.exp(-value))

    values = np.maximum(dense("values", inputs["features"]), 0)  # v_i
    mean = inputs["features"].mean(axis=1)
    image = np.maximum(dense("global", mean), 0)  # v_g
    keys = dense("key", values)
    logits = as_numpy(computed(lambda: model(inputs)))[0]
    for b, n in np.ndindex(B, N):
        h = c = np.zeros(U)
        for t in range(T):
            word = w["embedding/embeddings"][inputs["tokens"][b, n, t]]
            x = np.concatenate([image[b], np.maximum(word, 0)])
            total = (
                x @ w["decoder/cell/kernel"]
                + h @ w["decoder/cell/recurrent_kernel"]
            )
            i, f, o, g, candidate = np.split(total + w["decoder/cell/bias"], 5)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
            h = sigmoid(o) * np.tanh(c)
            sentinel = sigmoid(g) * np.tanh(c)
            hidden = np.tanh(dense("attention/hidden", h))
            sentinel = np.maximum(dense("attention/sentinel", sentinel), 0)
            blind = dense("attention/sentinel_key", sentinel)
            query = dense("attention/query", hidden)
            every_key = np.concatenate([keys[b], blind[None]])
            scores = dense("attention/score", np.tanh(every_key + query))
            weights = np.exp(scores[:, 0]) / np.exp(scores).sum()
            context = weights @ np.concatenate([values[b], sentinel[None]])
            merged = np.tanh(dense("merge", context + hidden))
            np.testing.assert_allclose(
                logits[b, n, t], dense("output", merged), atol=1e-4
            )


def test_attention_alone_needs_attention():
    with pytest.raises(ValueError, match="global_features"):
        Adaptive(V, D, lstm=True, global_features=False)

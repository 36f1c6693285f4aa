"""One location drawn by its weight, and how that is learnt."""

import numpy as np

from helpers.attending_layers import (
    MASK,
    REAL,
    SHARES,
    TOKENS,
    VALUES,
    WORDS,
    A,
    B,
    K,
    N,
    T,
    U,
    V,
    floats,
    randomised,
)
from helpers.backend import as_numpy, computed
from imcap.layers.penalties import HardAttentionLoss
from imcap.layers.recurrent.attending_lstm import AttendingLSTM, draw_location


def test_one_location_is_drawn_as_often_as_its_weight():
    shares = np.array([0.1, 0.0, 0.6, 0.3], "float32")
    uniforms = (np.arange(1000, dtype="float32") + 0.5) / 1000
    drawn = draw_location(np.tile(shares, (1000, 1)), uniforms)
    drawn = as_numpy(drawn)[0]
    np.testing.assert_array_equal(drawn.sum(axis=1), 1)
    np.testing.assert_allclose(drawn.mean(axis=0), shares, atol=0.002)
    last = draw_location(shares[None], np.float32([1 - 2**-24]))
    np.testing.assert_array_equal(as_numpy(last)[0], [[0, 0, 0, 1]])
    nothing = draw_location(np.zeros((1, 3), "float32"), np.float32([0.5]))
    assert not as_numpy(nothing)[0].any()


def test_hard_attention_uses_one_location_or_all():
    layer, start = AttendingLSTM(U, A), floats(B, 2 * U)
    draws = np.random.default_rng(5).random((B, N, T, 2), "float32")
    layer(WORDS, VALUES, start)
    randomised(layer)
    seen = computed(lambda: layer(WORDS, VALUES, start, MASK, draws))
    weights = as_numpy(seen["weights"])[0]
    soft = as_numpy(seen["soft"])[0]
    hard = draws[..., 1] < 0.5
    assert hard.any() and not hard.all()
    np.testing.assert_array_equal(weights[hard].max(axis=-1), 1)
    np.testing.assert_array_equal(weights[~hard], soft[~hard])
    assert soft[hard].max() < 1


def test_hard_attention_loss_is_reinforce():
    layer = HardAttentionLoss(eos_id=2, entropy_weight=0.1, reward_weight=0.5)
    generator = np.random.default_rng(1)
    logits = floats(B, N, T, V, seed=8)
    place = generator.integers(K, size=(B, N, T))
    hard = generator.random((B, N, T)) < 0.5
    used = np.where(hard[..., None], np.eye(K)[place], SHARES)
    used = used.astype("float32")
    layer.build()
    layer.baseline.assign(-3.0)

    def loss():
        layer(logits, TOKENS, REAL, used, SHARES, training=True)
        return layer.losses[0]

    chances = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    total = 0.0
    said = np.zeros((B, N))
    for b, n in np.ndindex(B, N):
        length = REAL[b, n].sum()
        targets = [*TOKENS[b, n, 1:length], 2]
        said[b, n] = sum(chances[b, n, t, w] for t, w in enumerate(targets))
        logs = np.log(SHARES[b, n, :length])
        drawn = sum(
            logs[t, place[b, n, t]] for t in range(length) if hard[b, n, t]
        )
        entropy = -(SHARES[b, n, :length] * logs).sum()
        total += 0.5 * (said[b, n] + 3.0) * drawn + 0.1 * entropy
    found = float(as_numpy(loss())[0])
    np.testing.assert_allclose(found, -total / REAL.sum(), rtol=1e-4)
    np.testing.assert_allclose(
        float(as_numpy(layer.baseline)[0]), -2.7 + 0.1 * said.mean(), rtol=1e-4
    )

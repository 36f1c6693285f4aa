"""Self-critical steps against REINFORCE written out."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, on_jax, value_and_gradients
from imcap.models.registry import build_captioner
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import make_optimizer
from imcap.training.self_critical import SelfCritical, distinct_share, packing
from imcap.training.task import CaptioningTask

B, N, T, K, D, V = 3, 4, 6, 5, 7, 11
BOS, EOS, PAD = 0, 0, 0
WORD = 3


def word_share(samples, references):
    """Rewards (B, N): how often a sample says `WORD`, for each reference."""
    said = ops.cast(samples == WORD, "float32")
    wanted = ops.sum(ops.cast(references == WORD, "float32"), axis=(1, 2))
    return ops.sum(said, axis=-1) * (1.0 + wanted[:, None])


def task_of(name="adaptive", seed=0, **options):
    keras.utils.set_random_seed(seed)
    sizes = {"lstm_dim": 13, "emb_dim": 5, "z_dim": 3}
    task = CaptioningTask(build_captioner(name, V, D, **sizes, **options))
    return task


def data_of(seed=0):
    generator = np.random.default_rng(seed)
    tokens = generator.integers(1, V, size=(B, 2, T), dtype="int32")
    targets = np.roll(tokens, -1, axis=2)
    targets[:, :, -1] = EOS
    inputs = {
        "features": generator.normal(size=(B, K, D)).astype("float32"),
        "tokens": tokens,
        "references": targets,
    }
    weights = np.full(tokens.shape, 1 / tokens.size, "float32")
    return inputs, targets, weights


def self_critical(reward=word_share, **options):
    options = {"samples": N, "packed": False} | options
    return SelfCritical(reward, (BOS, EOS, PAD), T, **options)


BANNED = 5


def step_by_step(task, features, samples, temperature):
    """log p of each word of the samples, (B, N, T), through `step`.

    p is a softmax over the words but `BANNED`.
    """
    captioner = task.captioner
    memory = captioner.encode({"features": features})
    state = captioner.initial_state(memory, samples.shape[1])
    read, chances = np.full(samples.shape[:2], BOS, "int32"), []
    for time in range(T):
        logits, state, _ = captioner.step(read, state, memory)
        read = samples[:, :, time]
        allowed = np.where(np.arange(V) == BANNED, -np.inf, 0.0)
        allowed = logits / temperature + allowed.astype("float32")
        logs = ops.log_softmax(allowed, axis=-1)
        chances.append(ops.take_along_axis(logs, read[..., None], axis=-1))
    return ops.concatenate(chances, axis=-1)


@pytest.mark.parametrize("name", ["adaptive", "up_down"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("baseline", ["leave_one_out", "greedy", "best_of_n"])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_gradient_is_reinforce(name, packed, baseline, temperature):
    if packed and on_jax():
        pytest.skip("packed samples have no fixed shape")
    task, data = task_of(name), data_of()
    learning = self_critical(
        baseline=baseline,
        packed=False,
        temperature=temperature,
        banned=(BANNED,),
    )
    task.compile("sgd", WordCrossEntropy(), self_critical=learning)
    # The same draws twice: once to look at, once packed or not.
    seeds = ops.convert_to_numpy(task.seed_generator.state)
    _, samples, _ = task.self_critical(task, data)
    samples = ops.convert_to_numpy(samples)
    assert not np.any(samples == BANNED)
    task.self_critical.packed = packed
    task.seed_generator.state.assign(seeds)
    inputs, targets, weights = task.self_critical(task, data)
    rewards = ops.convert_to_numpy(word_share(samples, data[0]["references"]))
    real = np.cumsum(samples == EOS, axis=2) - (samples == EOS) == 0
    if baseline == "leave_one_out":
        advantages = np.array(
            [[r[n] - np.delete(r, n).mean() for n in range(N)] for r in rewards]
        )
    elif baseline == "greedy":
        best = task.self_critical._captions(task, data[0])[1]
        first = word_share(best, data[0]["references"])
        advantages = rewards - ops.convert_to_numpy(first)
    else:
        advantages = np.zeros((B, N))
        for row, reward in zip(advantages, rewards, strict=True):
            row[reward.argmax()] = reward.max() - reward.mean()
    assert np.abs(advantages).max() > 0.1

    def ours():
        logits = task(inputs, training=True)
        return task.compute_loss(inputs, targets, logits, weights)

    def reinforce():
        chances = step_by_step(task, data[0]["features"], samples, temperature)
        weighted = advantages[..., None] * np.where(real, 1.0, 0.0)
        weighted = ops.convert_to_tensor(weighted, "float32")
        return -ops.sum(weighted * chances) / real.sum()

    value, found = value_and_gradients(ours, task.trainable_variables)
    by_hand, expected = value_and_gradients(reinforce, task.trainable_variables)
    assert value == pytest.approx(by_hand, rel=1e-5, abs=1e-6)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_constant_reward_teaches_nothing():
    def constant(samples, references):
        return ops.full(ops.shape(samples)[:2], 0.7)

    task, data = task_of(), data_of()
    task.compile(
        "sgd", WordCrossEntropy(), self_critical=self_critical(constant)
    )
    inputs, targets, weights = task.self_critical(task, data)
    assert np.all(ops.convert_to_numpy(weights) == 0)

    def loss():
        logits = task(inputs, training=True)
        return task.compute_loss(inputs, targets, logits, weights)

    _, found = value_and_gradients(loss, task.trainable_variables)
    assert all(np.all(gradient == 0) for gradient in found)


@pytest.mark.parametrize(
    "options",
    [
        {"baseline": "greedy", "dropout": True},
        {"cross_entropy_weight": 0.3, "temperature": 0.5},
        {"packed": True},
        {"temperature": 0.8, "banned": (5,)},
    ],
)
def test_fit_raises_the_reward(options):
    if options.get("packed") and on_jax():
        pytest.skip("packed samples have no fixed shape")
    if options.get("dropout") and on_jax():
        pytest.skip("dropout inside a compiled loop is TensorFlow's alone")
    task, data = task_of(dropout=0.2), data_of()
    task.compile(
        keras.optimizers.Adam(0.02),
        WordCrossEntropy(),
        self_critical=self_critical(**options),
    )
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensors(data).repeat(20)
    fitted = task.fit(batches, epochs=2, verbose=0, shuffle=False)
    history = fitted.history
    assert history["reward"][1] > history["reward"][0] + 0.2
    names = {metric.name for metric in task.self_critical.metrics}
    assert names <= set(history)
    assert 0 <= history["unfinished"][0] <= 1
    assert 1 <= history["sample_length"][0] <= T
    assert 0 < history["entropy"][0] < np.log(V) + 0.5


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_with_loss_scaling(policy):
    import tensorflow as tf

    task, data = task_of(dtype=policy), data_of()
    half = policy == "mixed_float16"
    optimizer = make_optimizer("adam", 0.02, scale_loss=half)
    task.compile(optimizer, WordCrossEntropy(), self_critical=self_critical())
    before = [ops.convert_to_numpy(w).copy() for w in task.trainable_weights]
    batches = tf.data.Dataset.from_tensors(data).repeat(20)
    fitted = task.fit(batches, epochs=2, verbose=0, shuffle=False).history
    assert np.all(np.isfinite(fitted["loss"]))
    assert fitted["reward"][1] > fitted["reward"][0]
    changed = [
        np.any(ops.convert_to_numpy(weight) != old)
        for weight, old in zip(task.trainable_weights, before, strict=True)
    ]
    assert all(changed)


@pytest.mark.parametrize("packed", [False, True])
def test_cross_entropy_is_mixed_in(packed):
    if packed and on_jax():
        pytest.skip("packed samples have no fixed shape")
    task, data = task_of(), data_of()
    data[1][data[1] == WORD] = BANNED  # people say what samples may not
    assert np.any(data[1] == BANNED)
    task.compile("sgd", WordCrossEntropy())
    seeds = ops.convert_to_numpy(task.seed_generator.state)

    def loss(data):
        inputs, targets, weights = data
        logits = task(inputs, training=True)
        found = task.compute_loss(inputs, targets, logits, weights)
        return float(as_numpy(found)[0])

    def sampled(weight):
        task.seed_generator.state.assign(seeds)
        learning = self_critical(
            cross_entropy_weight=weight,
            temperature=0.5,
            banned=(BANNED,),
            packed=packed,
        )
        task.compile("sgd", WordCrossEntropy(), self_critical=learning)
        return loss(task.self_critical(task, data))

    inputs = {k: v for k, v in data[0].items() if k != "references"}
    people = loss((inputs, *data[1:]))
    assert people < 10
    expected = 0.75 * sampled(0.0) + 0.25 * people
    assert sampled(0.25) == pytest.approx(expected, rel=1e-5)


def test_the_bonus_is_the_entropy_of_words():
    task, data = task_of(), data_of()
    task.compile("sgd", WordCrossEntropy(), self_critical=self_critical())
    inputs, targets, weights = task.self_critical(task, data)
    logits = task(inputs, training=True)
    plain = as_numpy(task.compute_loss(inputs, targets, logits, weights))[0]
    task.compile(
        "sgd",
        WordCrossEntropy(),
        self_critical=task.self_critical,
        entropy_weight=0.5,
    )
    paid = as_numpy(task.compute_loss(inputs, targets, logits, weights))[0]
    samples = ops.convert_to_numpy(targets)
    real = np.cumsum(samples == EOS, axis=2) - (samples == EOS) == 0
    logits = as_numpy(logits)[0].astype("float64")
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    entropy = -(shares * np.log(shares)).sum(axis=-1)[real].mean()
    assert plain - paid == pytest.approx(0.5 * entropy, rel=1e-4)


def test_packing_lists_the_real_words():
    if on_jax():
        pytest.skip("packed samples have no fixed shape")
    real = np.random.default_rng(0).random((B, N, T)) < 0.4
    slots, words = (ops.convert_to_numpy(part) for part in packing(real))
    flat = real.reshape(B, -1)
    assert slots.shape == (B, flat.sum(axis=1).max())
    images = words // slots.shape[1]
    places = slots.ravel()[words]
    expected = np.argwhere(flat)
    np.testing.assert_array_equal(np.stack([images, places], 1), expected)


def test_distinct_samples_are_counted():
    captions = np.array([[[1, 2], [1, 2], [1, 3]], [[4, 5], [4, 5], [4, 5]]])
    assert float(as_numpy(distinct_share(captions))[0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"baseline": "mean"}, "baseline must be one of"),
        ({"samples": 1}, "needs two samples"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"cross_entropy_weight": 1.5}, "must be in 0..1"),
    ],
)
def test_options_that_cannot_be(options, said):
    with pytest.raises(ValueError, match=said):
        self_critical(**options)

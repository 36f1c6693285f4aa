"""Show, Attend and Tell against the outputs of a published decoder."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from helpers.places import GOLDEN
from imcap.decoding import greedy
from imcap.layers.penalties import doubly_stochastic_penalty
from imcap.models.show_attend_tell import ShowAttendTell

GOLDEN = GOLDEN / "show_attend_tell.npz"
B, N, T, K, D, V = 2, 3, 5, 7, 11, 17
# Our names for their weights. Dense kernels are theirs transposed; their
# gates come in the order i, f, g, o, ours in i, f, o, g.
DENSE = {
    "decoder/attention/query": "core.attention.h_att",
    "decoder/attention/key": "core.proj_features",
    "decoder/attention/score": "core.attention.out_att",
    "decoder/selector": "core.selector.f_beta",
    "hidden": "core.h_out",
    "context": "core.ctx_out",
    "output": "logit",
}


def reordered(gates):
    i, f, g, o = np.split(gates, 4, axis=0)
    return np.concatenate([i, f, o, g], axis=0)


def our_weights(theirs):
    """Values by our weights' paths, made of their weights."""
    ours = {"embedding/embeddings": theirs["embedding.weight"]}
    for path, name in DENSE.items():
        if f"{name}.weight" in theirs:
            ours[f"{path}/kernel"] = theirs[f"{name}.weight"].T
            ours[f"{path}/bias"] = theirs[f"{name}.bias"]
    # Where they add two biases, we have one.
    ours["decoder/attention/key/bias"] = ours[
        "decoder/attention/key/bias"
    ] + ours.pop("decoder/attention/query/bias")
    ours["hidden/bias"] = ours["hidden/bias"] + ours.pop("context/bias")
    ours.pop("decoder/attention/score/bias")  # a softmax cancels it
    for part in ("kernel", "bias"):
        name = {"kernel": "weight", "bias": "bias"}[part]
        ours[f"start/{part}"] = np.concatenate(
            [theirs[f"init_{state}.{name}"].T for state in "hc"], axis=-1
        )
    inputs = reordered(theirs["core.lstm.weight_ih"])
    words = theirs["embedding.weight"].shape[1]
    ours["decoder/word_gates/kernel"] = inputs[:, :words].T
    ours["decoder/value_gates/kernel"] = inputs[:, words:].T
    ours["decoder/word_gates/bias"] = reordered(
        theirs["core.lstm.bias_ih"] + theirs["core.lstm.bias_hh"]
    )
    ours["decoder/recurrent_kernel"] = reordered(
        theirs["core.lstm.weight_hh"]
    ).T
    for our, their in {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }.items():
        ours[f"norm/{our}"] = theirs[f"bn.{their}"]
    return ours


@pytest.fixture(params=["0", "1"])
def golden(request):
    """One decoder: its data, and our model with its weights."""
    start = request.param + "/"
    with np.load(GOLDEN, allow_pickle=False) as file:
        data = {k[len(start) :]: file[k] for k in file if k.startswith(start)}
    theirs = {
        name.removeprefix("weights/"): value
        for name, value in data.items()
        if name.startswith("weights/")
    }
    model = ShowAttendTell(
        len(data["weights/logit.bias"]),
        data["features"].shape[-1],
        lstm_dim=10,
        emb_dim=12,
        z_dim=18,
        use_selector=bool(data["use_selector"]),
        score_activation="relu",
    )
    ours = our_weights(theirs)
    assert {weight.path for weight in model.weights} == set(ours)
    for weight in model.weights:
        weight.assign(ours[weight.path])
    return data, model


def test_logits_are_theirs(golden):
    data, model = golden
    expected = data["logits"]
    tokens = data["captions"][:, None, : expected.shape[1]].astype("int32")
    found = computed(
        lambda: model({"features": data["features"], "tokens": tokens})
    )
    found = as_numpy(found)[0][:, 0]
    # Raw logits, or log-probabilities: the golden file has either.
    chances = as_numpy(ops.log_softmax(found))[0]
    theirs = as_numpy(ops.log_softmax(expected))[0]
    np.testing.assert_allclose(chances, theirs, atol=1e-5)


def test_greedy_captions_are_theirs(golden):
    data, model = golden
    expected = data["greedy_tokens"]
    batch, steps = expected.shape

    def decode():
        memory = model.encode({"features": data["features"]})
        state = model.initial_state(memory, 1)

        def step(tokens, state):
            return model.step(tokens, state, memory)

        found = greedy(step, state, (batch, 1, steps), bos_id=0, eos_id=0)
        return found.tokens, found.log_probs

    tokens, chances = as_numpy(computed(decode))
    np.testing.assert_array_equal(tokens[:, 0], expected)
    # Behind a caption's end they go on; we say nothing.
    ended = np.cumsum(expected == 0, axis=1) - (expected == 0) > 0
    theirs = np.where(ended, 0.0, data["greedy_log_probabilities"])
    np.testing.assert_allclose(chances[:, 0], theirs, atol=1e-5)


def batch():
    generator = np.random.default_rng(0)
    return {
        "features": generator.normal(size=(B, K, D)).astype("float32"),
        "tokens": generator.integers(1, V, size=(B, N, T), dtype="int32"),
    }


def test_doubly_stochastic_penalty_is_the_papers():
    generator = np.random.default_rng(0)
    weights = generator.dirichlet(np.ones(K), size=(B, N, T)).astype("float32")
    real = np.arange(T) < np.array([[5, 2, 3], [1, 4, 0]])[..., None]
    mask = np.arange(K) < np.array([[K], [4]])
    total = 0.0
    for b, n in np.ndindex(B, N):
        if not real[b, n].any():
            continue  # padding of the batch, no caption
        seen = weights[b, n, real[b, n]].sum(axis=0)
        total += np.square(1 - seen)[mask[b]].sum()
    penalty = doubly_stochastic_penalty(weights, real, mask)
    found = float(as_numpy(penalty)[0])
    np.testing.assert_allclose(found, total / 5, rtol=1e-5)


def test_the_penalty_joins_the_loss():
    inputs = batch()
    kept = {}
    for alpha_c in (0.0, 1.0, 3.0):
        keras.utils.set_random_seed(0)
        model = ShowAttendTell(V, D, lstm_dim=13, emb_dim=5, alpha_c=alpha_c)
        model(inputs)
        kept[alpha_c] = float(sum(model.losses)) if model.losses else 0.0
    assert kept[0.0] == 0.0 < kept[1.0]
    np.testing.assert_allclose(kept[3.0], 3 * kept[1.0], rtol=1e-5)

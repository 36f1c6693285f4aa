"""SCA-CNN against its equations, and against the networks it is cut from."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from imcap.layers.cnn.network_ends import NETWORKS, feature_layers
from imcap.layers.dense import UnitLength
from imcap.models.sca_cnn import ScaCnn

B, N, T, K, C, R, V = 2, 3, 5, 7, 11, 5, 17
U, E, A, EPSILON = 13, 19, 23, 1e-2
ATTENDED = [
    {
        "channels": C,
        "then": [
            {"conv": R},
            {"norm": EPSILON},
            {"add": R},
            {"activation": "relu6"},
        ],
    },
    {"channels": R},
]
SIZES = {"lstm_dim": U, "emb_dim": E, "z_dim": A}


def make(order="C-S", **options):
    model = ScaCnn(
        V, C + R, None, ATTENDED, order, **(SIZES | options), name="captioner"
    )
    generator = np.random.default_rng(1)
    for weight in model.weights:
        values = 0.5 * generator.normal(size=weight.shape)
        if weight.path.endswith("variance"):
            values = 1 + np.abs(values)
        weight.assign(values)
    return model


def batch():
    generator = np.random.default_rng(0)
    return {
        "features": generator.normal(size=(B, K, C + R)).astype("float32"),
        "tokens": generator.integers(1, V, size=(B, N, T), dtype="int32"),
    }


def weights_of(model):
    return {
        weight.path.removeprefix("captioner/"): ops.convert_to_numpy(weight)
        for weight in model.weights
    }


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


class ByHand:
    """The forward pass of one caption, written from the equations."""

    def __init__(self, model, order):
        self.of, self.order = weights_of(model), order

    def dense(self, name, x):
        found = x @ self.of[f"{name}/kernel"]
        return found + self.of.get(f"{name}/bias", 0)

    def channel(self, place, values, hidden):
        of, name = self.of, f"decoder/map_{place}/channel"
        mean = values.mean(axis=0)[:, None]  # (C, 1)
        inner = mean * of[f"{name}/key_kernel"]
        inner = np.tanh(inner + self.dense(f"{name}/query", hidden))
        return softmax(inner @ of[f"{name}/score_kernel"][:, 0])

    def spatial(self, place, values, hidden):
        name = f"decoder/map_{place}/spatial"
        inner = self.dense(f"{name}/key", values)
        inner = np.tanh(inner + self.dense(f"{name}/query", hidden))
        return softmax(self.dense(f"{name}/score", inner)[:, 0])

    def attend(self, place, values, hidden):
        for letter in self.order.split("-"):
            if letter == "C":
                beta = self.channel(place, values, hidden)
                values = len(beta) * beta * values
            else:
                alpha = self.spatial(place, values, hidden)
                values = len(alpha) * alpha[:, None] * values
        return values

    def network(self, values, side):
        of, name = self.of, "decoder/network_1"
        values = values @ of[f"{name}/kernel_0"][0, 0] + of[f"{name}/bias_0"]
        values = values - of[f"{name}/norm_1_moving_mean"]
        values /= np.sqrt(of[f"{name}/norm_1_moving_variance"] + EPSILON)
        values = values * of[f"{name}/norm_1_gamma"]
        return np.clip(values + of[f"{name}/norm_1_beta"] + side, 0, 6)

    def context(self, values):
        mean = values.mean(axis=0)
        return mean / (np.linalg.norm(mean) + 1e-8) * np.sqrt(len(mean))

    def logits(self, features, tokens, selector, ctx2out, prev2out):
        values, side = features[:, :C], features[:, C:]
        start = self.context(self.network(values, side))
        hidden, carry = np.split(np.tanh(self.dense("start", start)), 2)
        word, found = np.zeros(E), []
        for time in range(len(tokens)):
            seen = self.network(self.attend(1, values, hidden), side)
            context = told = self.context(self.attend(2, seen, hidden))
            if selector:
                told = sigmoid(self.dense("decoder/selector", hidden)) * told
            gates = self.dense("decoder/word_gates", word)
            gates = gates + self.dense("decoder/context_gates", told)
            gates = gates + hidden @ self.of["decoder/recurrent_kernel"]
            i, f, o, g = np.split(gates, 4)
            carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(carry)
            shown = self.dense("hidden", hidden)
            if prev2out:
                shown = shown + word
            if ctx2out:
                shown = shown + self.dense("context", context)
            found.append(self.dense("output", np.tanh(shown)))
            if time + 1 < len(tokens):
                word = self.of["embedding/embeddings"][tokens[time + 1]]
        return np.stack(found)


@pytest.mark.parametrize("order", ["C-S", "S-C", "C", "S"])
@pytest.mark.parametrize("switched", [False, True])
def test_forward_is_its_equations(order, switched):
    switches = {
        "selector": switched,
        "ctx2out": switched,
        "prev2out": not switched,
    }
    model, inputs = make(order, **switches), batch()
    found = as_numpy(computed(lambda: model(inputs)))[0]
    by_hand = ByHand(model, order)
    for b, n in np.ndindex(B, N):
        expected = by_hand.logits(
            inputs["features"][b].astype("float64"),
            inputs["tokens"][b, n],
            **switches,
        )
        np.testing.assert_allclose(found[b, n], expected, atol=1e-4)


@pytest.mark.parametrize("order", ["C-S", "S-C", "C", "S"])
def test_attention_is_of_the_last_map(order):
    model, inputs = make(order), batch()

    def run():
        memory = model.encode(inputs)
        state = model.initial_state(memory, N)
        return model.step(inputs["tokens"][:, :, 0], state, memory)

    _, state, looked = computed(run)
    expected = {"C": "channels", "S": "weights"}
    assert set(looked) == {expected[letter] for letter in order.split("-")}
    widths = {"channels": R, "weights": K}
    for name, found in looked.items():
        assert tuple(found.shape) == (B, N, widths[name])
        np.testing.assert_allclose(
            as_numpy(found)[0].sum(axis=-1), 1, rtol=1e-5
        )
    assert as_numpy(state)[-1].min() == 1


def test_penalties_are_added_to_the_loss():
    model, inputs = make(alpha_2_c=0.3, beta_1_c=0.7), batch()
    plain = make()
    model(inputs), plain(inputs)
    assert not plain.losses and len(model.losses) == 2
    inputs["tokens"][:, :, 1:] = 0  # one word that counts
    model(inputs)
    by_hand, missed = ByHand(model, "C-S"), []
    for b in range(B):
        features = inputs["features"][b]
        values, side = features[:, :C], features[:, C:]
        start = by_hand.context(by_hand.network(values, side))
        hidden = np.split(np.tanh(by_hand.dense("start", start)), 2)[0]
        missed.append((1 - by_hand.channel(1, values, hidden)) ** 2)
    np.testing.assert_allclose(
        as_numpy(model.losses[1])[0], 0.7 * np.mean(missed), rtol=1e-5
    )


SMALL = {
    # network here: network to build, side of pictures, side of the grid
    "mobilenetv2": ("MobileNetV2", 64, 2),
    "resnet152": ("ResNet50", 64, 2),  # the same last layers
    "vgg19": ("VGG19", 32, 2),
}


def small_network(name, size):
    """A network with odd statistics."""
    network = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(size, size, 3)
    )
    generator = np.random.default_rng(7)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            mean = generator.normal(size=layer.moving_mean.shape) * 0.1
            layer.moving_mean.assign(mean)
    return network


@pytest.mark.parametrize("name", SMALL)
def test_uniform_attention_is_the_network(name, tmp_path):
    application, size, side = SMALL[name]
    network = small_network(application, size)
    taps = [
        network.get_layer(layer).output
        for layer in feature_layers(name).split(",")
    ]
    last = {"vgg19": "block5_conv4", "resnet152": "conv5_block3_out"}
    top = network.get_layer(last.get(name, "out_relu")).output
    pixels = np.random.default_rng(3).normal(size=(B, size, size, 3))
    *maps, expected = as_numpy(
        keras.Model(network.input, [*taps, top])(50 * pixels, training=False)
    )
    features = np.concatenate(maps, axis=-1).reshape(B, side * side, -1)
    model = ScaCnn(V, features.shape[-1], name, image_grid=side, **SIZES)
    if name == "mobilenetv2":  # the file of the same network
        path = tmp_path / "encoder.weights.h5"
        network.save_weights(path)
        model.start_from_network(path)
    else:
        model.decoder.networks[0].copy_from(network)
    for each in model.decoder.maps:  # scores of zero
        each.channel.score_kernel.assign(0 * each.channel.score_kernel)
        kernel = each.spatial.score_dense.kernel
        kernel.assign(0 * kernel)

    def run():
        memory = model.encode({"features": features})
        hidden = model.initial_state(memory, N)[0]
        return model.decoder.attend(hidden, memory)[0]

    found = as_numpy(computed(run))[0]
    expected = expected.reshape(B, side * side, -1).mean(axis=1)
    expected = as_numpy(UnitLength()(expected))[0]
    expected = expected * np.sqrt(expected.shape[-1])
    assert expected.std() > 1e-3
    for n in range(N):
        np.testing.assert_allclose(found[:, n], expected, atol=1e-4)


def test_what_learns_and_what_is_no_network(tmp_path):
    model = make()
    trainable = {weight.path for weight in model.trainable_weights}
    assert "decoder/network_1/kernel_0" in trainable
    assert not any("norm" in path for path in trainable)
    missing = tmp_path / "none.weights.h5"
    model.start_from_network(missing)  # has none
    model.network = "mobilenetv2"
    with pytest.raises(ValueError, match="not weights of MobileNetV2"):
        model.start_from_network(missing)


def test_features_of_another_width_are_refused():
    with pytest.raises(ValueError, match="conv5_block3_2_relu,conv5_block2_o"):
        ScaCnn(V, 512, "resnet152", **SIZES)
    with pytest.raises(ValueError, match="wants features of 16 channels"):
        ScaCnn(V, C, None, ATTENDED, **SIZES)
    with pytest.raises(ValueError, match="there are mobilenetv2, resnet152"):
        ScaCnn(V, C, "alexnet", **SIZES)
    assert set(SMALL) == set(NETWORKS)

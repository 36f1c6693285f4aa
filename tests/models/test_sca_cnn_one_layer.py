"""SCA-CNN with the last map of its network attended alone."""

import keras
import numpy as np
import pytest

from helpers.backend import as_numpy, computed
from helpers.captioners import Built, N, T
from imcap.layers.cnn.network_ends import feature_layers
from imcap.layers.kernels.channel_interpolation import Interpolation
from imcap.models.sca_cnn import ScaCnn

B, K, V = 2, 7, 17
SIZES = {"lstm_dim": 13, "emb_dim": 19, "z_dim": 23, "attention_order": "S-C"}


def batch(channels=512):
    generator = np.random.default_rng(4)
    features = generator.normal(size=(B, K, channels))
    return {
        "features": features.astype("float32"),
        "tokens": generator.integers(1, V, size=(B, N, T), dtype="int32"),
    }


def test_the_last_map_alone(tmp_path):
    model = ScaCnn(V, 512, "vgg19", attended_layers=1, **SIZES)
    plain = ScaCnn(V, 512, None, [{"channels": 512}], **SIZES)
    assert [w.path for w in model.weights] == [w.path for w in plain.weights]
    plain.set_weights(model.get_weights())
    again = ScaCnn.from_config(model.get_config())
    again.set_weights(model.get_weights())
    inputs = batch()
    expected = as_numpy(computed(lambda: plain(inputs)))[0]
    for same in (model, again):
        found = as_numpy(computed(lambda model=same: model(inputs)))[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    # No layer of the network comes after it, so no weights are asked for.
    model.start_from_network(tmp_path / "none.weights.h5")
    assert feature_layers("vgg19", 1) == "block5_conv4"
    with pytest.raises(ValueError, match="--layer conv5_block3_out"):
        ScaCnn(V, 512, "resnet152", attended_layers=1, **SIZES)
    with pytest.raises(ValueError, match="from 1 to 2, got 3"):
        ScaCnn(V, 512, "vgg19", attended_layers=3, **SIZES)


def test_a_penalty_on_what_is_not_there():
    with pytest.raises(ValueError, match="weights_2, which there are none"):
        ScaCnn(V, 512, "vgg19", attended_layers=1, alpha_2_c=1.0, **SIZES)
    sizes = SIZES | {"attention_order": "S"}
    with pytest.raises(ValueError, match="channels_1, which there are none"):
        ScaCnn(V, 512, None, [{"channels": 512}], beta_1_c=1.0, **sizes)


@pytest.mark.parametrize("policy", [None, "mixed_float16", "mixed_bfloat16"])
def test_step_is_teacher_forcing_through_the_polynomial(monkeypatch, policy):
    interpolated, plain = [], Interpolation.scores

    def spied(self, *arguments):
        interpolated.append(self.places.shape[1])
        return plain(self, *arguments)

    monkeypatch.setattr(Interpolation, "scores", spied)
    keras.utils.set_random_seed(0)
    model = ScaCnn(V, 512, "vgg19", attended_layers=1, dtype=policy, **SIZES)
    inputs = batch()
    whole = as_numpy(computed(lambda: model(inputs)))[0]
    stepwise, _ = Built(model).step_by_step(inputs)
    assert np.isfinite(whole).all()
    assert set(interpolated) == {512}
    tolerance = 1e-5 if policy is None else 0.02
    np.testing.assert_allclose(stepwise, whole, atol=tolerance)

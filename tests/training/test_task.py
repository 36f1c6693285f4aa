"""What fit trains: scheduled sampling, and pictures end to end."""

import keras
import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy
from imcap.models.registry import build_captioner
from imcap.models.small_cnn import SmallCNN
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import Adam
from imcap.training.task import CaptioningTask

B, N, T, K, D, V = 5, 3, 7, 2, 11, 13


def captioner(channels=D, **options):
    sizes = {"lstm_dim": 5, "emb_dim": 3, "z_dim": 2}
    return build_captioner("adaptive", V, channels, sgate=True, **sizes)


def batch(seed=0, count=B):
    generator = np.random.default_rng(seed)
    return {
        "features": generator.normal(size=(count, K, D)).astype("float32"),
        "tokens": generator.integers(1, V, size=(count, N, T), dtype="int32"),
    }


def test_task_gives_the_captioners_logits():
    task, inputs = CaptioningTask(captioner()), batch()
    np.testing.assert_allclose(
        as_numpy(task(inputs, training=True))[0],
        as_numpy(task.captioner(inputs))[0],
        atol=1e-6,
    )


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_own_words_replace_a_share_and_never_bos(share):
    task, inputs = CaptioningTask(captioner()), batch(count=53)
    # One word that no caption holds is what the model always says.
    inputs["tokens"][inputs["tokens"] == 4] = 5
    task.captioner.set_output_bias(np.eye(V)[4] * 100)
    task.scheduled_sampling_rate.assign(share)
    mixed = as_numpy(task._mixed_tokens(inputs))[0]
    replaced = mixed != inputs["tokens"]
    assert np.all(mixed[replaced] == 4)
    assert not replaced[:, :, 0].any()
    count = replaced[:, :, 1:].size
    spread = np.sqrt(share * (1 - share) / count)
    assert abs(replaced[:, :, 1:].mean() - share) <= 4 * spread


def test_own_words_are_those_said_one_step_before():
    task, inputs = CaptioningTask(captioner()), batch()
    task.scheduled_sampling_rate.assign(1.0)
    logits = as_numpy(task.captioner(inputs))[0]
    expected = logits.argmax(axis=-1)[:, :, :-1]
    mixed = as_numpy(task._mixed_tokens(inputs))[0]
    np.testing.assert_array_equal(mixed[:, :, 1:], expected)


def test_own_words_are_read_in_training_only():
    task, inputs = CaptioningTask(captioner()), batch()
    plain = as_numpy(task(inputs))[0]
    task.scheduled_sampling_rate.assign(1.0)
    # Not asked for: the rate changes nothing.
    np.testing.assert_array_equal(
        as_numpy(task(inputs, training=True))[0], plain
    )
    task.compile("sgd", WordCrossEntropy(), scheduled_sampling=True)
    np.testing.assert_array_equal(as_numpy(task(inputs))[0], plain)
    mixed = as_numpy(task._mixed_tokens(inputs))[0].astype("int32")
    expected = as_numpy(task.captioner({**inputs, "tokens": mixed}))[0]
    found = as_numpy(task(inputs, training=True))[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - plain).max() > 1e-3


def test_own_words_with_packed_inputs():
    task, inputs = CaptioningTask(captioner()), batch()
    task.compile("sgd", WordCrossEntropy(), scheduled_sampling=True)
    task.scheduled_sampling_rate.assign(0.5)
    inputs["slots"] = np.tile(np.arange(4, dtype="int32"), (B, 1))
    inputs["words"] = np.arange(B * 4, dtype="int32")
    assert task(inputs, training=True).shape == (B * 4, V)


def pictures():
    images = np.random.default_rng(0).integers(0, 256, (B, 16, 16, 3))
    return {"images": images.astype("uint8"), "tokens": batch()["tokens"]}


def test_pictures_pass_the_cnn():
    cnn = SmallCNN(16, channels=7)
    task, inputs = CaptioningTask(captioner(7), cnn), pictures()
    maps = ops.reshape(cnn(inputs["images"]), (B, 4, 7))
    tokens = ops.convert_to_tensor(inputs["tokens"])
    features = {"features": maps, "tokens": tokens}
    np.testing.assert_allclose(
        as_numpy(task(inputs))[0],
        as_numpy(task.captioner(features))[0],
        atol=1e-5,
    )
    assert "images" not in task.features(inputs)


@pytest.mark.parametrize("frozen", [False, True])
def test_fit_trains_the_cnn_unless_frozen(frozen):
    cnn = SmallCNN(16, channels=7)
    cnn.trainable = not frozen
    task, inputs = CaptioningTask(captioner(7), cnn), pictures()
    slower = {weight.path: 0.1 for weight in cnn.trainable_variables}
    task.compile(Adam(0.01, slower=slower), WordCrossEntropy())
    of_cnn, of_words = cnn.get_weights(), task.captioner.get_weights()
    targets = np.random.default_rng(1).integers(0, V, size=(B, N, T))
    task.fit(inputs, targets, batch_size=B, verbose=0)

    def moves(model, before):
        return [
            np.abs(new - old).max()
            for new, old in zip(model.get_weights(), before, strict=True)
        ]

    if frozen:
        assert max(moves(cnn, of_cnn)) == 0
    else:
        # The first step of Adam is as long as the rate, at most.
        assert 0 < max(moves(cnn, of_cnn)) <= 0.00101
    assert max(moves(task.captioner, of_words)) > 0.009


def test_weights_are_those_of_captioner_and_cnn():
    cnn = SmallCNN(16, channels=7)
    task = CaptioningTask(captioner(7), cnn)
    trained = {weight.path for weight in task.trainable_variables}
    wanted = cnn.trainable_variables + task.captioner.trainable_variables
    assert trained == {weight.path for weight in wanted}
    assert len(trained) == len(wanted), "two weights share a path"
    assert isinstance(task, keras.Model)

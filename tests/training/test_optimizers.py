"""Our Adam is Adam; rates of their own reach the weights they name."""

import keras
import numpy as np
import pytest
from keras import ops

if keras.backend.backend() != "tensorflow":
    pytest.skip("training is tested on TensorFlow", allow_module_level=True)

from imcap.training.callbacks import SwapAverages
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import OPTIMIZERS, Adam, make_optimizer

V, U = 11, 5


def model():
    """Words to words; the embedding's gradient is sparse on TensorFlow."""
    words = keras.Input((3,), dtype="int32")
    outputs = keras.layers.Embedding(V, U, name="embedding")(words)
    return keras.Model(words, keras.layers.Dense(V, name="output")(outputs))


class Weights(keras.callbacks.Callback):
    """Keeps a copy of the weights after batches, or after epochs."""

    def __init__(self, epochs=False):
        super().__init__()
        self.epochs = epochs
        self.kept = []

    def on_train_batch_end(self, batch, logs=None):
        if not self.epochs:
            self.kept.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        if self.epochs:
            self.kept.append(self.model.get_weights())


def test_swapping_lends_the_running_mean():
    trained, swap = model(), SwapAverages()
    trained.compile(
        make_optimizer("adam", 0.1, average=0.75), WordCrossEntropy()
    )
    words = np.arange(30, dtype="int32").reshape(10, 3) % V
    batches, lent, after = Weights(), Weights(True), Weights(True)
    callbacks = [batches, swap, lent, swap, after]
    trained.fit(
        words, words, batch_size=2, epochs=2, callbacks=callbacks, verbose=0
    )
    mean = batches.kept[0]
    for number, weights in enumerate(batches.kept[1:], start=1):
        pairs = zip(mean, weights, strict=True)
        mean = [0.75 * old + 0.25 * new for old, new in pairs]
        if number == 4:
            first = mean
    for found, expected in zip(lent.kept, (first, mean), strict=True):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    for kept in (after.kept[-1], trained.get_weights()):
        for one, other in zip(kept, batches.kept[-1], strict=True):
            np.testing.assert_array_equal(one, other)


class Reference(keras.optimizers.Adam):
    """Keras' Adam, each weight's gradient one tensor as on JAX."""

    def apply(self, grads, trainable_variables=None):
        import tensorflow as tf

        grads = [tf.convert_to_tensor(gradient) for gradient in grads]
        super().apply(grads, trainable_variables)


def trained(optimizer, steps=5):
    """Weights before and after some steps."""
    keras.utils.set_random_seed(1)
    network = model()
    network.compile(optimizer, WordCrossEntropy())
    before = [w.copy() for w in network.get_weights()]
    generator = np.random.default_rng(0)
    for _ in range(steps):
        # Words repeat, so a sparse gradient has an index twice.
        words = generator.integers(0, 4, size=(7, 3), dtype="int32")
        targets = generator.integers(0, V, size=(7, 3), dtype="int32")
        network.train_on_batch(words, targets)
    return before, network.get_weights()


OPTIONS = {
    "plain": {},
    "clip value": {"clipvalue": 1e-3},
    "clip norm": {"global_clipnorm": 1e-2},
    "decay": {"weight_decay": 0.01},
    "betas": {"beta_1": 0.8, "beta_2": 0.98, "epsilon": 1e-9},
    "accumulation": {"gradient_accumulation_steps": 2},
    "schedule": {
        "learning_rate": keras.optimizers.schedules.ExponentialDecay(
            0.01, 2, 0.5
        )
    },
    "amsgrad": {"amsgrad": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_adam_is_that_of_keras(name):
    options = {"learning_rate": 0.01} | OPTIONS[name]
    before, found = trained(Adam(**options))
    _, expected = trained(Reference(**options))
    for old, one, other in zip(before, found, expected, strict=True):
        assert np.abs(old - one).max() > 1e-4
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_word_that_occurs_twice_has_one_gradient():
    import tensorflow as tf

    def sparse(factor):
        parts = tf.constant([[1.0], [3.0]]) * factor
        return tf.IndexedSlices(parts, tf.constant([1, 1]), tf.constant([3, 1]))

    def dense(factor):
        return tf.constant([[0.0], [4.0], [0.0]]) * factor

    for options in ({}, {"clipvalue": 2.0}, {"global_clipnorm": 2.0}):
        found = []
        for make in (sparse, dense):
            variable = keras.Variable(np.zeros((3, 1), "float32"))
            optimizer = Adam(0.1, **options)
            optimizer.build([variable])
            for factor in (1.0, -0.2):
                optimizer.apply([make(factor)], [variable])
            found.append(ops.convert_to_numpy(variable))
        np.testing.assert_array_equal(found[0], found[1])


def test_adam_behind_a_loss_scale():
    def scaled(inner):
        return keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**7)

    _, found = trained(scaled(Adam(0.01)))
    _, expected = trained(scaled(Reference(0.01)))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_slower_weights_take_smaller_steps():
    before, plain = trained(Adam(0.01), steps=1)
    _, slowed = trained(Adam(0.01, slower={"embedding": 0.1}), steps=1)
    moved = [new - old for new, old in zip(plain, before, strict=True)]
    slower = [new - old for new, old in zip(slowed, before, strict=True)]
    np.testing.assert_allclose(slower[0], 0.1 * moved[0], atol=1e-6)
    for one, other in zip(moved[1:], slower[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_name_that_no_weight_has_is_refused():
    with pytest.raises(ValueError, match="backbone"):
        trained(Adam(0.01, slower={"backbone": 0.1}), steps=1)


def test_config_round_trip():
    optimizer = Adam(0.01, slower={"embedding": 0.1})
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(optimizer)
    )
    assert again.slower == {"embedding": 0.1}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name):
    optimizer = make_optimizer(name, 0.01, clip_value=1.0)
    before, after = trained(optimizer, steps=2)
    assert all(np.isfinite(weight).all() for weight in after)
    for old, new in zip(before, after, strict=True):
        assert np.any(old != new)


def test_options_reach_the_optimizer():
    adam = make_optimizer(
        "adam",
        1e-3,
        alpha=0.8,
        beta=0.99,
        epsilon=1e-9,
        weight_decay=0.1,
        clip_value=0.1,
        accumulate=3,
        slower={"output": 0.5},
    )
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.8, 0.99, 1e-9)
    assert (adam.clipvalue, adam.global_clipnorm) == (0.1, None)
    assert adam.gradient_accumulation_steps == 3
    assert adam.weight_decay == 0.1
    assert adam.slower == {"output": 0.5}
    assert make_optimizer("sgdm", 1e-3, alpha=0.7).momentum == 0.7
    assert make_optimizer("sgd", 1e-3, clip_norm=2.0).global_clipnorm == 2.0
    plain = make_optimizer("adam", 1e-3)
    assert plain.clipvalue is None
    assert not plain.weight_decay
    assert plain.gradient_accumulation_steps is None
    np.testing.assert_allclose(
        ops.convert_to_numpy(plain.learning_rate), 1e-3, rtol=1e-6
    )


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="unknown optimizer"):
        make_optimizer("adamm", 1e-3)
    with pytest.raises(ValueError, match="adam"):
        make_optimizer("sgd", 1e-3, slower={"output": 0.5})

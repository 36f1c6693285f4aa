"""What Keras does not do the same way on TensorFlow and JAX."""

import keras
import numpy as np
from keras import ops


def on_jax():
    """Whether the tests run under KERAS_BACKEND=jax."""
    return keras.backend.backend() == "jax"


def computed(function):
    """`function()`; compiled at one go where single operations are slow."""
    if not on_jax():
        return function()
    import jax

    return jax.jit(function)()


def compiled(function):
    """`function` of arrays, compiled once for each of their shapes on JAX."""
    if not on_jax():
        return function
    import jax

    return jax.jit(function)


def value_and_gradients(function, weights):
    """The scalar `function()` and its gradients by variables, as NumPy."""
    if on_jax():
        import jax

        def of_values(values):
            pairs = list(zip(weights, values, strict=True))
            with keras.StatelessScope(state_mapping=pairs):
                return function()

        values = [weight.value for weight in weights]
        value, found = jax.jit(jax.value_and_grad(of_values))(values)
        return float(value), [np.asarray(gradient) for gradient in found]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = function()
    found = tape.gradient(value, [weight.value for weight in weights])
    # A lookup's gradient is sparse; None is what no path leads to.
    found = [
        np.zeros(weight.shape)
        if gradient is None
        else tf.convert_to_tensor(gradient).numpy()
        for weight, gradient in zip(weights, found, strict=True)
    ]
    return float(value), found


def tensors(outputs):
    """The tensors of a nested structure, None left out."""
    flat = keras.tree.flatten(outputs)
    return [part for part in flat if part is not None]


def as_numpy(outputs):
    """The tensors of a nested structure as a flat list of float32 arrays."""
    return [
        ops.convert_to_numpy(ops.cast(part, "float32"))
        for part in tensors(outputs)
    ]

"""A kernel against the plain form of what it computes."""

import keras
import numpy as np
from keras import ops

from helpers.backend import value_and_gradients


def floats(*shape, seed=0):
    """Normal float32 numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def check_kernel(kernel, plain, arrays, rtol=1e-4, atol=1e-5):
    """The kernel has the values and the gradients of its plain form.

    Args:
        kernel, plain: functions of tensors to one or several of them.
        arrays: list of float32 arrays, the tensors.
        rtol, atol: float, tolerances.
    """
    variables = [keras.Variable(array) for array in arrays]

    def loss(function):
        # Tensors, no variables.
        outputs = function(*[1.0 * each for each in variables])
        parts = [p for p in keras.tree.flatten(outputs) if p is not None]
        return sum(
            ops.sum(part * floats(*part.shape, seed=90 + number))
            for number, part in enumerate(parts)
        )

    value, slopes = value_and_gradients(lambda: loss(kernel), variables)
    expected, plain_slopes = value_and_gradients(lambda: loss(plain), variables)
    np.testing.assert_allclose(value, expected, rtol=rtol)
    for one, other in zip(slopes, plain_slopes, strict=True):
        assert np.abs(other).max() > 1e-3
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)

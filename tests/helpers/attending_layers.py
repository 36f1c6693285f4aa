"""Attending recurrences: sizes, inputs, and the cases that all layers pass."""

import numpy as np
from keras import ops

from imcap.layers.cnn.feature_normalization import FeatureNormalization
from imcap.layers.masking import LocationDropout, MaskedMean, TokenMask
from imcap.layers.penalties import DoublyStochastic, HardAttentionLoss
from imcap.layers.recurrent.attended_input_lstm import AttendedInputLSTM
from imcap.layers.recurrent.attending_lstm import AttendingLSTM, Draws
from imcap.layers.recurrent.top_down_lstm import TopDownLSTM

B, N, T, K, D, E, U, A, V = 2, 3, 5, 7, 11, 19, 13, 17, 23


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


MASK = np.arange(K) < np.array([[K], [4]])
WORDS, VALUES = floats(B, N, T, E), floats(B, K, D, seed=1)
SHARES = np.random.default_rng(2).dirichlet(np.ones(K), (B, N, T))
SHARES = SHARES.astype("float32")
TOKENS = np.random.default_rng(3).integers(1, V, (B, N, T), "int32")
REAL = np.arange(T) < np.array([[5, 2, 3], [1, 4, 5]])[..., None]


CASES = {
    "attending": {
        "make": lambda **options: AttendingLSTM(U, A, **options),
        "inputs": [WORDS, VALUES, floats(B, 2 * U), MASK],
        "shapes": [(B, N, T, E), (B, K, D)],
        "weights": 10,
    },
    "attending, no selector": {
        "make": lambda **options: AttendingLSTM(
            U, A, "relu", use_selector=False, **options
        ),
        "inputs": [WORDS, VALUES, floats(B, 2 * U), None],
        "shapes": [(B, N, T, E), (B, K, D)],
        "weights": 8,
    },
    "top-down": {
        "make": lambda **options: TopDownLSTM(U, A, **options),
        "inputs": [WORDS, floats(B, D), VALUES, MASK],
        "shapes": [(B, N, T, E), (B, D), (B, K, D)],
        "weights": 13,
    },
    "attended input": {
        "make": lambda **options: AttendedInputLSTM(U, A, **options),
        "inputs": [WORDS, VALUES, MASK],
        "shapes": [(B, N, T, E), (B, K, D)],
        "weights": 9,
    },
    "feature normalization": {
        "make": FeatureNormalization,
        "inputs": [VALUES, MASK],
        "shapes": [(B, K, D)],
        "weights": 4,
    },
    "masked mean": {
        "make": MaskedMean,
        "inputs": [VALUES, MASK],
        "shapes": [(B, K, D)],
        "weights": 0,
    },
    "location dropout": {
        "make": lambda **options: LocationDropout(0.5, **options),
        "inputs": [VALUES, MASK],
        "shapes": [(B, K, D)],
        "weights": 0,
        "dtype": "bool",
    },
    "token mask": {
        "make": TokenMask,
        "inputs": [TOKENS],
        "shapes": [(B, N, T)],
        "weights": 0,
        "dtype": "bool",
    },
    "draws": {
        "make": Draws,
        "inputs": [TOKENS],
        "shapes": [(B, N, T)],
        "weights": 0,
        "dtype": "float32",
    },
    "doubly stochastic": {
        "make": lambda **options: DoublyStochastic(0.7, **options),
        "inputs": [floats(B, N, T, U), SHARES, REAL, MASK],
        "shapes": [(B, N, T, U)],
        "weights": 0,
    },
    "hard attention": {
        "make": lambda **options: HardAttentionLoss(**options),
        "inputs": [floats(B, N, T, V), TOKENS, REAL, SHARES, SHARES],
        "shapes": [(B, N, T, V)],
        "weights": 1,
    },
}


def randomised(layer):
    """Gives the layer random weights, and returns them by their paths."""
    generator = np.random.default_rng(7)
    for weight in layer.weights:
        weight.assign(0.4 * generator.normal(size=weight.shape))
    return {w.path: ops.convert_to_numpy(w) for w in layer.weights}

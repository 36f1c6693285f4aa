"""Every layer passes the checks that all layers share."""

import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest

import imcap.layers
import imcap.models
import imcap.training
from helpers import attending_layers, sca_layers, transformer_layers
from helpers.layer_checks import check_layer
from imcap.layers import (
    AdaptiveAttention,
    AdditiveAttention,
    Captions,
    LocationMasking,
    RealWords,
    RowDense,
    SentinelLSTM,
    SentinelLSTMCell,
    WordsOfImage,
)
from imcap.layers.attention.stacked_cross_attention import StackedCrossAttention
from imcap.layers.cnn.adaptive_average_pooling import AdaptiveAveragePooling
from imcap.layers.cnn.image_preprocessing import ImagePreprocessing
from imcap.layers.dense import WeightNormalizedDense
from imcap.layers.recurrent.averaged_gru import AveragedGRU
from imcap.models.confidence import CaptionConfidence
from imcap.models.global_head import (
    GlobalCaptionEmbedding,
    GlobalImageEmbedding,
)
from imcap.models.ridge_matcher import ScoreStandardization
from imcap.models.small_cnn import Coordinates
from imcap.training.word_detection import AnyCell

B, N, T, K, D, E, U, V = 2, 3, 5, 7, 11, 19, 13, 17
PACKAGES = (imcap.layers, imcap.models, imcap.training)
KEYS = ("make", "inputs", "shapes", "weights", "call")


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


MASK = np.arange(K) < np.array([[K], [4]])
SLOTS = np.array([[0, 4, 9, 1], [14, 0, 2, 2]], "int32")


def additive(**options):
    return AdditiveAttention(U, use_score_bias=True, **options)


def additive_call(layer, query, values, mask):
    return layer(query, layer.project(values), values, mask)


def adaptive_call(layer, hidden, sentinel, values, mask):
    return layer(hidden, sentinel, layer.project(values), values, mask)


def lstm(sgate=True):
    return lambda **options: SentinelLSTM(
        SentinelLSTMCell(U, sgate=sgate, **options), **options
    )


STATES = floats(B, N, U, seed=1)
SEQUENCE = floats(B, N, T, D)
HIDDEN, SENTINEL = floats(B, N, D), floats(B, N, D, seed=1)
CASES = {
    "additive": {
        "make": additive,
        "inputs": [floats(B, N, E), floats(B, K, D), MASK],
        "shapes": [(B, N, E), (B, K, D)],
        "weights": 5,
        "call": additive_call,
        "dead": ("score/bias",),  # a softmax cancels it
    },
    "adaptive": {
        "make": lambda **options: AdaptiveAttention(U, **options),
        "inputs": [HIDDEN, SENTINEL, floats(B, K, U), MASK],
        "shapes": [(B, N, D), (B, N, D)],
        "weights": 10,
        "call": adaptive_call,
    },
    "spatial": {
        "make": lambda **options: AdaptiveAttention(U, **options),
        "inputs": [HIDDEN, None, floats(B, K, U), None],
        "shapes": [(B, N, D)],
        "weights": 6,
        "call": adaptive_call,
    },
    "cell": {
        "make": lambda **options: SentinelLSTMCell(U, **options),
        "inputs": [floats(B, N, D), (STATES, STATES / 2)],
        "shapes": [(B, N, D)],
        "weights": 3,
    },
    "plain cell": {
        "make": lambda **options: SentinelLSTMCell(
            U, sgate=False, recurrent_activation="hard_sigmoid", **options
        ),
        "inputs": [floats(B, N, D), (STATES, STATES / 2)],
        "shapes": [(B, N, D)],
        "weights": 3,
        "symbolic": False,
    },
    "lstm": {
        "make": lstm(),
        "inputs": [SEQUENCE, floats(B, E)],
        "shapes": [(B, N, T, D), (B, E)],
        "weights": 3,
    },
    "plain lstm": {
        "make": lstm(sgate=False),
        "inputs": [SEQUENCE],
        "shapes": [(B, N, T, D)],
        "weights": 3,
    },
    "rows": {
        "make": lambda **options: RowDense(U, activation="tanh", **options),
        "inputs": [SEQUENCE],
        "shapes": [(B, N, T, D)],
        "weights": 2,
    },
    "any cell": {
        "make": AnyCell,
        "inputs": [floats(B, 3, 4, V)],
        "shapes": [(B, 3, 4, V)],
        "weights": 0,
    },
    "coordinates": {
        "make": Coordinates,
        "inputs": [floats(B, 3, 4, D)],
        "shapes": [(B, 3, 4, D)],
        "weights": 0,
    },
    "location masking": {
        "make": LocationMasking,
        "inputs": [floats(B, K, D), MASK],
        "shapes": [(B, K, D)],
        "weights": 0,
    },
    "words of image": {
        "make": WordsOfImage,
        "inputs": [SEQUENCE, SLOTS],
        "shapes": [(B, N, T, D)],
        "weights": 0,
    },
    "words of image, unpacked": {
        "make": WordsOfImage,
        "inputs": [SEQUENCE],
        "shapes": [(B, N, T, D)],
        "weights": 0,
    },
    "real words": {
        "make": RealWords,
        # With words the rank falls, which only eager tensors can say.
        "inputs": [floats(B, 4, U)],
        "shapes": [(B, 4, U)],
        "weights": 0,
    },
    "captions": {
        "make": Captions,
        "inputs": [floats(B, N * T, V), np.zeros((B, N, T), "int32")],
        "shapes": [(B, N * T, V)],
        "weights": 0,
        "dtype": "float32",
    },
    "image preprocessing": {
        "make": lambda **options: ImagePreprocessing("caffe", **options),
        "inputs": [floats(B, K, D, 3)],
        "shapes": [(B, K, D, 3)],
        "weights": 0,
    },
    "pooling": {
        "make": lambda **options: AdaptiveAveragePooling(3, **options),
        "inputs": [floats(B, K, T, D)],
        "shapes": [(B, K, T, D)],
        "weights": 0,
    },
    "averaged gru": {
        "make": lambda **options: AveragedGRU(
            U, num_layers=2, bidirectional=True, **options
        ),
        "inputs": [floats(B, K, D), MASK],
        "shapes": [(B, K, D)],
        "weights": 16,
    },
    "stacked cross attention": {
        "make": lambda **options: StackedCrossAttention("i2t", **options),
        "inputs": [floats(B, K, D), floats(N, T, D, seed=1), MASK],
        "shapes": [(B, K, D), (N, T, D)],
        "weights": 0,
        "dtype": "float32",
    },
    "confidence": {
        "make": lambda **options: CaptionConfidence(V, D, 2, 3, 4, **options),
        "inputs": [
            floats(B, K, D),
            np.array([[[5, 9, 2, 0]] * N, [[7, 2, 0, 0]] * N], "int32"),
            -np.abs(floats(B, N, 4, seed=1)),
            np.full((B, N, 4), 0.5, "float32"),
            MASK,
        ],
        "shapes": [(B, K, D)],
        "weights": 12,
        "dtype": "float32",
    },
    "standard scores": {
        "make": lambda **options: ScoreStandardization(D, **options),
        "inputs": [floats(B, K, D), floats(N, T, D, seed=1)],
        "shapes": [(B, K, D), (N, T, D)],
        "weights": 2,
        "dtype": "float32",
    },
    "global image": {
        "make": lambda **options: GlobalImageEmbedding(U, **options),
        "inputs": [floats(B, K, D), MASK],
        "shapes": [(B, K, D)],
        "weights": 4,
        "dtype": "float32",
    },
    "global caption": {
        "make": lambda **options: GlobalCaptionEmbedding(V, U, **options),
        "inputs": [np.array([[4, 9, 3], [7, 2, 0]], "int32"), floats(B, 3, E)],
        "shapes": [(B, 3), (B, 3, E)],
        "weights": 3,
        "dtype": "float32",
    },
    "weight-normalised": {
        "make": lambda **options: WeightNormalizedDense(U, **options),
        "inputs": [SEQUENCE],
        "shapes": [(B, N, T, D)],
        "weights": 3,
    },
}


CASES |= attending_layers.CASES
CASES |= {f"SCA-CNN, {name}": case for name, case in sca_layers.CASES.items()}
CASES |= {
    f"transformer, {name}": dict(zip(KEYS, case, strict=True))
    for name, case in transformer_layers.CASES.items()
}


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    check_layer(**CASES[name])


def test_no_layer_is_left_out():
    checked = {type(case["make"]()) for case in CASES.values()}
    layers = set()
    for package in PACKAGES:
        prefix = f"{package.__name__}."
        for module in pkgutil.walk_packages(package.__path__, prefix):
            layers |= layers_of(importlib.import_module(module.name))
    assert len(layers) > 30
    assert {each.__name__ for each in layers - checked} == set()


def layers_of(module):
    """The public layers that a module defines, whole models apart."""
    layers = set()
    for _, each in inspect.getmembers(module, inspect.isclass):
        if each.__module__ != module.__name__:
            continue
        # A private class, or one that computes nothing, is the beginning
        # of others, which are checked.
        whole = "call" in vars(each) or issubclass(each, AdditiveAttention)
        private = each.__name__.startswith("_")
        layer = issubclass(each, keras.layers.Layer)
        model = issubclass(each, keras.Model)
        if layer and whole and not private and not model:
            layers.add(each)
    return layers

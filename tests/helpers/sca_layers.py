"""SCA-CNN's layers: sizes, inputs, and the cases that all layers pass."""

import numpy as np
from keras import ops

from imcap.layers.attention.attended_map import ORDERS, AttendedMap
from imcap.layers.attention.channel_attention import ChannelAttention
from imcap.layers.attention.spatial_attention import SpatialAttention
from imcap.layers.cnn.sub_network import SubNetwork
from imcap.layers.dense import UnitLength
from imcap.layers.penalties import CoveragePenalty
from imcap.layers.recurrent.sca_lstm import ScaLSTM, ZeroFirst

B, N, T, K, C, R, E, U, A = 2, 3, 5, 7, 11, 4, 19, 13, 17


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


MASK = np.arange(K) < np.array([[K], [4]])
HIDDEN, VALUES, SIDE = floats(B, N, U), floats(B, K, C, seed=1), floats(B, K, R)
ATTENDED = [
    {
        "channels": C,
        "then": [
            {"conv": R},
            {"norm": 1e-3},
            {"add": R},
            {"activation": "relu6"},
        ],
    },
    {"channels": R, "then": [{"conv": 3, "use_bias": False}]},
]
REAL = np.arange(T) < np.array([[5, 2, 3], [1, 4, 0]])[..., None]
SHARES = np.random.default_rng(2).dirichlet(np.ones(K), (B, N, T))
SHARES = SHARES.astype("float32")


def attended_call(layer, query, values, mask):
    return layer(query, values, layer.prepare(values, mask), mask)


def lstm_call(layer, words, values, start, side, mask):
    known = layer.prepare(values, mask)
    return layer(words, values, known, start, side, mask)


CASES = {
    "channel": {
        "make": lambda **options: ChannelAttention(A, 0.5, **options),
        "inputs": [HIDDEN, floats(B, C)],
        "shapes": [(B, N, U)],
        "weights": 4,
    },
    "channel, means of queries": {
        "make": lambda **options: ChannelAttention(A, 0.5, **options),
        "inputs": [HIDDEN, floats(B, N, C)],
        "shapes": [(B, N, U)],
        "weights": 4,
    },
    "spatial": {
        "make": lambda **options: SpatialAttention(A, 0.5, **options),
        "inputs": [HIDDEN, VALUES, MASK],
        "shapes": [(B, N, U), (B, K, C)],
        "weights": 4,
        "call": lambda layer, query, values, mask: layer(
            query, layer.project(values), values, mask
        ),
    },
    **{
        f"attended map {order}": {
            "make": lambda order=order, **options: AttendedMap(
                A, order, 0.5, **options
            ),
            "inputs": [HIDDEN, VALUES, MASK],
            "shapes": [(B, N, U), (B, K, C)],
            "weights": 4 * len(order.split("-")),
            "call": attended_call,
        }
        for order in ORDERS
    },
    "sub-network": {
        "make": lambda **options: SubNetwork(ATTENDED[0]["then"], **options),
        "inputs": [floats(B * N, K, C), SIDE],
        "shapes": [(B * N, K, C)],
        "weights": 6,
    },
    "wide sub-network": {
        "make": lambda **options: SubNetwork(
            [{"conv": 5, "kernel": 3}], grid=(7, 1), **options
        ),
        "inputs": [VALUES],
        "shapes": [(B, K, C)],
        "weights": 2,
    },
    "sca lstm": {
        "make": lambda **options: ScaLSTM(
            U, A, ATTENDED, selector=True, stddev=0.5, **options
        ),
        "inputs": [floats(B, N, T, E), VALUES, floats(B, 2 * U), SIDE, MASK],
        "shapes": [(B, N, T, E)],
        "weights": 6 + 2 * 8 + 6 + 1,
        "call": lstm_call,
    },
    "unit length": {
        "make": UnitLength,
        "inputs": [VALUES],
        "shapes": [(B, K, C)],
        "weights": 0,
    },
    "zero first": {
        "make": ZeroFirst,
        "inputs": [floats(B, N, T, E)],
        "shapes": [(B, N, T, E)],
        "weights": 0,
    },
    "coverage penalty": {
        "make": lambda **options: CoveragePenalty(0.3, **options),
        "inputs": [floats(B, N, T, U), SHARES, REAL, MASK],
        "shapes": [(B, N, T, U)],
        "weights": 0,
    },
}


def filled(layer, *shapes):
    """The layer, its weights, and all of them by the ends of their paths."""
    layer.build(*shapes)
    for number, weight in enumerate(layer.weights):
        weight.assign(0.4 * floats(*weight.shape, seed=number))
    return layer, {
        "/".join(weight.path.split("/")[-2:]): ops.convert_to_numpy(weight)
        for weight in layer.weights
    }

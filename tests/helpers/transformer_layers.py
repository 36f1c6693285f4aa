"""The transformers' layers: sizes, inputs, the cases that all layers pass."""

import keras
import numpy as np

from imcap.layers.attention.geometric_attention import (
    GeometricBias,
    RelativeGeometry,
)
from imcap.layers.attention.multi_head_attention import (
    MultiHeadAttention,
    SplitHeads,
)
from imcap.layers.attention.x_linear_attention import (
    BilinearDense,
    XLinearAttention,
)
from imcap.layers.packing import (
    WordRows,
)
from imcap.layers.transformer.decoder import DecoderBlock
from imcap.layers.transformer.encoder import EncoderBlock
from imcap.layers.transformer.feed_forward import FeedForward
from imcap.layers.transformer.normalization import (
    RootMeanSquareNormalization,
    UnbiasedNormalization,
)
from imcap.layers.transformer.positions import (
    BoxPositions,
    FixedGridPositions,
    FlatGridPositions,
    GridPositions,
)
from imcap.layers.transformer.stacks import (
    TransformerDecoder,
    TransformerEncoder,
)
from imcap.layers.transformer.word_embedding import WordEmbedding

# d = heads × 5 keeps heads; all other sizes are different primes.
B, N, T, K, Q, H, V, F = 2, 3, 5, 7, 19, 2, 17, 13
U = 5 * H
MASK = np.arange(K) < np.array([[K], [4]])


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def boxes(*shape):
    corners = np.random.default_rng(3).random((*shape, 2, 2))
    return np.sort(corners, axis=-2).reshape(*shape, 4).astype("float32")


def attend(layer, query, source, mask):
    mask = None if mask is None else mask[:, None]
    return layer(query, *layer.project(source), mask)


TOKENS = np.random.default_rng(1).integers(1, V, (B, N, T)).astype("int32")
SLOTS = np.array([[0, 1, 5, 6, 7, 10], [0, 5, 6, 10, 11, 2]], "int32")
# Five real words of the second image, and rounding up that repeats the first.
WORDS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0], "int32")
STATES, SOURCE = floats(B, Q, U), floats(B, K, U, seed=1)
BLOCK = {"units": U, "ff_size": F, "heads": H}


def decode(layer, rows, source, mask):
    return layer(rows, TOKENS, SLOTS, WORDS, *layer.project(source), mask)


def translate(layer, source, mask):
    return layer(TOKENS, SLOTS, WORDS, source, mask)


def open_bias(**options):
    """A `GeometricBias` that rules no pair out, where slopes are steep."""
    layer = GeometricBias(H, **options)
    layer.dense.bias_initializer = keras.initializers.Constant(9)
    return layer


CASES = {
    "multi-head": (
        lambda **o: MultiHeadAttention(U, H, **o),
        [STATES, SOURCE, MASK],
        [(B, Q, U)],
        7,
        attend,
    ),
    "x-linear": (
        lambda **o: XLinearAttention(U, **o),
        [STATES, SOURCE, MASK],
        [(B, Q, U)],
        21,
        attend,
    ),
    "bilinear": (
        lambda **o: BilinearDense(F, **o),
        [STATES],
        [(B, Q, U)],
        4,
        None,
    ),
    "split": (lambda **o: SplitHeads(H, **o), [STATES], [(B, Q, U)], 0, None),
    "geometry": (RelativeGeometry, [boxes(B, K)], [(B, K, 4)], 0, None),
    "bias": (
        open_bias,
        [floats(B, K, K, 64) / 7],
        [(B, K, K, 64)],
        2,
        None,
    ),
    "gxg": (
        lambda **o: GridPositions(U, **o),
        [SOURCE, floats(B, K, 9)],
        [(B, K, U), (B, K, 9)],
        6,
        None,
    ),
    "g2": (
        lambda **o: FlatGridPositions(U, **o),
        [SOURCE, floats(B, K, 9)],
        [(B, K, U), (B, K, 9)],
        2,
        None,
    ),
    "box-coord": (
        lambda **o: BoxPositions(U, **o),
        [SOURCE, boxes(B, K)],
        [(B, K, U), (B, K, 4)],
        4,
        None,
    ),
    "fixed": (
        lambda **o: FixedGridPositions(U, **o),
        [SOURCE, floats(B, K, 9)],
        [(B, K, U), (B, K, 9)],
        0,
        None,
    ),
    "forward": (
        lambda **o: FeedForward(F, U, "GELU", **o),
        [STATES],
        [(B, Q, U)],
        4,
        None,
    ),
    "RMS": (RootMeanSquareNormalization, [STATES], [(B, Q, U)], 1, None),
    "unbiased": (UnbiasedNormalization, [STATES], [(B, Q, U)], 2, None),
    "words": (
        lambda **o: WordEmbedding(V, U, T, **o),
        [TOKENS],
        [(B, N, T)],
        1,
        None,
    ),
    "rows": (
        WordRows,
        [floats(B, N, T, U), SLOTS, WORDS],
        [(B, N, T, U)],
        0,
        None,
    ),
    "encoder block": (
        lambda **o: EncoderBlock(**BLOCK, geometry=True, **o),
        [SOURCE, MASK, floats(B, K, K, 64)],
        [(B, K, U)],
        17,
        None,
    ),
    "decoder block": (
        lambda **o: DecoderBlock(**BLOCK, **o),
        [floats(len(WORDS), U), SOURCE, MASK],
        [(len(WORDS), U)],
        24,
        decode,
    ),
    "encoder": (
        lambda **o: TransformerEncoder(2, {**BLOCK, "norm": "RMS"}, **o),
        [SOURCE, MASK],
        [(B, K, U)],
        27,
        None,
    ),
    "decoder": (
        lambda **o: TransformerDecoder(
            V, 1, T, {**BLOCK, "cross_attn": "xlinear"}, **o
        ),
        [SOURCE, MASK],
        [(B, N, T)],
        41,
        translate,
    ),
}

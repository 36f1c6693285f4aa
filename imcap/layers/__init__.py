"""Published mechanisms as Keras layers, one a file."""

from imcap.layers.adaptive_attention import AdaptiveAttention
from imcap.layers.additive_attention import AdditiveAttention
from imcap.layers.masking import (
    KeptLocations,
    kept_locations,
    masked_mean,
    masked_softmax,
)
from imcap.layers.packing import Captions, RealWords, WordsOfImage
from imcap.layers.row_dense import RowDense, row_product
from imcap.layers.sentinel_lstm import SentinelLSTM, SentinelLSTMCell

__all__ = [
    "AdaptiveAttention",
    "AdditiveAttention",
    "Captions",
    "KeptLocations",
    "RealWords",
    "RowDense",
    "SentinelLSTM",
    "SentinelLSTMCell",
    "WordsOfImage",
    "kept_locations",
    "masked_mean",
    "masked_softmax",
    "row_product",
]

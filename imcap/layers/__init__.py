"""Published mechanisms as Keras layers, one a file."""

from imcap.layers.adaptive_attention import AdaptiveAttention
from imcap.layers.additive_attention import AdditiveAttention
from imcap.layers.attended_input_lstm import AttendedInputLSTM
from imcap.layers.attending_lstm import AttendingLSTM
from imcap.layers.channel_attention import ChannelAttention
from imcap.layers.doubly_stochastic import DoublyStochastic
from imcap.layers.geometric_attention import GeometricBias
from imcap.layers.masking import (
    KeptLocations,
    kept_locations,
    masked_mean,
    masked_softmax,
)
from imcap.layers.multi_head_attention import MultiHeadAttention
from imcap.layers.packing import Captions, RealWords, WordsOfImage
from imcap.layers.row_dense import RowDense, row_product
from imcap.layers.sentinel_lstm import SentinelLSTM, SentinelLSTMCell
from imcap.layers.spatial_attention import SpatialAttention
from imcap.layers.top_down_lstm import TopDownLSTM
from imcap.layers.x_linear_attention import XLinearAttention

__all__ = [
    "AdaptiveAttention",
    "AdditiveAttention",
    "AttendedInputLSTM",
    "AttendingLSTM",
    "Captions",
    "ChannelAttention",
    "DoublyStochastic",
    "GeometricBias",
    "KeptLocations",
    "MultiHeadAttention",
    "RealWords",
    "RowDense",
    "SentinelLSTM",
    "SentinelLSTMCell",
    "SpatialAttention",
    "TopDownLSTM",
    "WordsOfImage",
    "XLinearAttention",
    "kept_locations",
    "masked_mean",
    "masked_softmax",
    "row_product",
]

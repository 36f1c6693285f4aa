"""Published mechanisms as Keras layers, one a file."""

from imcap.layers.attention.adaptive_attention import AdaptiveAttention
from imcap.layers.attention.additive_attention import AdditiveAttention
from imcap.layers.attention.channel_attention import ChannelAttention
from imcap.layers.attention.geometric_attention import GeometricBias
from imcap.layers.attention.multi_head_attention import MultiHeadAttention
from imcap.layers.attention.spatial_attention import SpatialAttention
from imcap.layers.attention.x_linear_attention import XLinearAttention
from imcap.layers.dense import RowDense, row_product
from imcap.layers.masking import (
    LocationMasking,
    mask_locations,
    masked_mean,
    masked_softmax,
    token_mask,
)
from imcap.layers.packing import Captions, RealWords, WordsOfImage
from imcap.layers.penalties import DoublyStochastic
from imcap.layers.recurrent.attended_input_lstm import AttendedInputLSTM
from imcap.layers.recurrent.attending_lstm import AttendingLSTM
from imcap.layers.recurrent.sentinel_lstm import SentinelLSTM, SentinelLSTMCell
from imcap.layers.recurrent.top_down_lstm import TopDownLSTM

__all__ = [
    "AdaptiveAttention",
    "AdditiveAttention",
    "AttendedInputLSTM",
    "AttendingLSTM",
    "Captions",
    "ChannelAttention",
    "DoublyStochastic",
    "GeometricBias",
    "LocationMasking",
    "MultiHeadAttention",
    "RealWords",
    "RowDense",
    "SentinelLSTM",
    "SentinelLSTMCell",
    "SpatialAttention",
    "TopDownLSTM",
    "WordsOfImage",
    "XLinearAttention",
    "mask_locations",
    "masked_mean",
    "masked_softmax",
    "row_product",
    "token_mask",
]

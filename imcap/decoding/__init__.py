"""Beam search, sampling and greedy decoding of any step function."""

from imcap.decoding.beam import beam_search
from imcap.decoding.constraints import banned_tokens
from imcap.decoding.ensemble import ensemble
from imcap.decoding.sampling import greedy, sample
from imcap.decoding.state import Decoded

__all__ = [
    "Decoded",
    "banned_tokens",
    "beam_search",
    "ensemble",
    "greedy",
    "sample",
]

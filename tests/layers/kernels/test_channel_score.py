"""The channel score in parts against all of it at once."""

import pytest

from helpers.kernels import check_kernel, floats
from imcap.layers.kernels import channel_score

B, N, C, A = 2, 3, 11, 17


@pytest.mark.parametrize("channels", [1, 4, 128])
def test_values_and_gradients_are_those_of_the_whole(channels, monkeypatch):
    monkeypatch.setattr(channel_score, "CHANNELS", channels)
    sizes = [(B, N, A), (B, C), (A,), (A, 1)]
    check_kernel(
        channel_score.channel_score,
        channel_score.plain_channel_score,
        [floats(*size, seed=number) for number, size in enumerate(sizes)],
    )

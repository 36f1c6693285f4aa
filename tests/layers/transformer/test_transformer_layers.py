"""Packed words of transformers, and what their layers refuse."""

import numpy as np
import pytest

from helpers.backend import as_numpy, computed
from helpers.transformer_layers import (
    SLOTS,
    TOKENS,
    WORDS,
    B,
    F,
    H,
    K,
    N,
    T,
    U,
    V,
    floats,
)
from imcap.layers.packing import (
    WordRows,
    captions_of_rows,
    images_of_rows,
    rows_of_captions,
    rows_of_images,
)
from imcap.layers.transformer.decoder import DecoderBlock
from imcap.layers.transformer.feed_forward import FeedForward
from imcap.layers.transformer.normalization import (
    transformer_normalization,
)
from imcap.layers.transformer.positions import (
    GridPositions,
    location_positions,
)
from imcap.layers.transformer.word_embedding import WordEmbedding


def test_words_lie_where_they_were():
    states = floats(B, N, T, U)
    flat = states.reshape(B, N * T, U)
    real = [(b, SLOTS[b, m]) for b in range(B) for m in range(6)][:11]

    def run():
        rows = WordRows()(states, SLOTS, WORDS)
        packing = (TOKENS, SLOTS, WORDS)
        captions = captions_of_rows(rows, *packing)
        images = images_of_rows(rows, *packing)
        return (
            rows,
            captions,
            images,
            rows_of_captions(captions, *packing),
            rows_of_images(images, WORDS),
        )

    rows, captions, images, again, once_more = as_numpy(computed(run))
    np.testing.assert_array_equal(again, rows)
    np.testing.assert_array_equal(once_more, rows)
    for number, (image, place) in enumerate(real):
        word = flat[image, place]
        np.testing.assert_array_equal(rows[number], word)
        caption = captions.reshape(B, N * T, U)[image, place]
        np.testing.assert_array_equal(caption, word)
        np.testing.assert_array_equal(
            images[image, SLOTS[image].tolist().index(place)], word
        )


def test_what_is_refused():
    with pytest.raises(ValueError, match="max_positions is 4"):
        WordEmbedding(V, U, 4)(TOKENS)
    with pytest.raises(ValueError, match="10 cells is not square"):
        GridPositions(U).build((B, K, U), (B, K, 10))
    with pytest.raises(ValueError, match="enc_pos_type must be"):
        location_positions("grid", U)
    with pytest.raises(ValueError, match="norm must be"):
        transformer_normalization("batch")
    with pytest.raises(ValueError, match="cross_attn must be"):
        DecoderBlock(U, F, H, cross_attn="dot")
    with pytest.raises(ValueError, match="ff_activation must be"):
        FeedForward(F, U, "relu")

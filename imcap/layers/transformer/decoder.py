"""The transformer's decoder block: whole captions, or one word more."""

import keras
from keras import ops

from imcap.layers.attention.multi_head_attention import split_heads
from imcap.layers.attention.x_linear_attention import XLinearAttention
from imcap.layers.masking import expand_mask, token_mask
from imcap.layers.packing import (
    captions_of_rows,
    images_of_rows,
    rows_of_captions,
    rows_of_images,
)
from imcap.layers.transformer.block import TransformerBlock


@keras.saving.register_keras_serializable(package="imcap")
class DecoderBlock(TransformerBlock):
    """Pre-norm decoder block: self-attention, cross-attention, feed-forward.

    `x + drop(SA(norm x))`, `x + drop(CA(norm x, memory))`,
    `x + drop(FF(norm x))`.

    `call` reads whole captions at once, real words side by side; `step` one
    word more of each, whose keys and values it writes into a cache.

    Args:
        units, ff_size, heads, dropout, norm, ff_activation: as in
            `TransformerBlock`.
        cross_attn: "dot-product" or "xlinear", attention to the picture.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        rows: float tensor (W, d), see `imcap.layers.packing`.
        tokens: int32 tensor (B, N, T); words do not look at padding.
        slots, words: int32 tensors (B, M) and (W,), or None.
        keys, values: what `project` made of the memory.
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        training: bool.

    Returns:
        Float tensor (W, d).

    Example:
        >>> block = DecoderBlock(512, 2048)
        >>> block(rows, tokens, None, None, *block.project(memory))

    Reference:
        Vaswani et al., 2017, "Attention is all you need", section 3.1, with
        the norm before each part.
    """

    def __init__(
        self, units, ff_size, *args, cross_attn="dot-product", **kwargs
    ):
        super().__init__(units, ff_size, *args, **kwargs)
        self.cross_attn = cross_attn
        self.attention = self._make_attention()
        self.cross = self._cross_attention()
        self.feed_forward = self._make_feed_forward()
        self._make_norms(3)

    def _cross_attention(self):
        if self.cross_attn == "dot-product":
            return self._make_attention("cross")
        if self.cross_attn == "xlinear":
            return XLinearAttention(
                self.units, self.dropout, dtype=self.dtype_policy, name="cross"
            )
        raise ValueError(
            "cross_attn must be 'dot-product' or 'xlinear', "
            f"got {self.cross_attn!r}"
        )

    def build(self, rows_shape):
        for layer in (self.attention, self.cross, self.feed_forward):
            layer.build(rows_shape)
        for layer in self.norms:
            layer.build(rows_shape)
        self.built = True

    def project(self, memory):
        """Keys and values of a memory (B, K, d), for every later word."""
        return self.cross.project(memory)

    def call(
        self,
        rows,
        tokens,
        slots,
        words,
        keys,
        values,
        location_mask=None,
        training=None,
    ):
        packing = (tokens, slots, words)
        context = self._self_attend(rows, packing, training)
        rows = self._add(rows, context, training)
        queries = [
            images_of_rows(part, *packing)
            for part in self.cross.project_queries(self.norms[1](rows))
        ]
        context, _ = self._cross_attend(
            queries, keys, values, location_mask, training
        )
        context = self.cross.project_output(rows_of_images(context, words))
        rows = self._add(rows, context, training)
        return self._add_feed_forward(rows, training)

    def _self_attend(self, rows, packing, training):
        """Causal self-attention over captions: rows (W, d) to (W, d)."""
        tokens = packing[0]
        normal = self.norms[0](rows)
        query, keys, values = (
            captions_of_rows(dense(normal), *packing)
            for dense in (
                self.attention.query,
                self.attention.key,
                self.attention.value,
            )
        )  # (B·N, T, d) each
        steps = ops.arange(ops.shape(query)[1], dtype="int32")
        words = ops.reshape(token_mask(tokens), (-1, 1, ops.shape(steps)[0]))
        mask = ops.logical_and(words, steps[:, None] >= steps)  # (B·N, T, T)
        context, _ = self.attention.attend(
            (query,),
            split_heads(keys, self.heads),
            split_heads(values, self.heads),
            mask,
            training=training,
        )
        return self.attention.project_output(
            rows_of_captions(context, *packing)
        )

    def _cross_attend(self, queries, keys, values, location_mask, training):
        mask = expand_mask(location_mask)
        return self.cross.attend(queries, keys, values, mask, training=training)

    def empty_cache(self, shape, dtype):
        """Keys and values of no words: zeros (B, H, L·N, d / H).

        Args:
            shape: (B, N, L), L the most words that will be read.
            dtype: of the states.
        """
        batch, count, length = shape
        size = (batch, self.heads, length * count, self.units // self.heads)
        return ops.zeros(size, dtype), ops.zeros(size, dtype)

    def step(
        self,
        states,
        cache,
        visible,
        time,
        keys,
        values,
        location_mask,
        training=None,
    ):
        """Incremental decoding step: one word more.

        Args:
            states: float tensor (B, N, d).
            cache: keys and values (B, H, L·N, d / H) of the words before,
                each where the hypothesis stood that read it.
            visible: boolean tensor (B, N, L·N), which of them are a
                hypothesis' own, this word included.
            time: int32 scalar, how many words came before, below L.
            keys, values, location_mask, training: as in `call`.

        Returns:
            Float tensor (B, N, d), the cache with this word, and attention
            to the picture: (B, N, K, H) or (B, N, K).
        """
        context, cache = self._self_attend_step(
            states, cache, visible, time, training
        )
        states = self._add(states, context, training)
        queries = self.cross.project_queries(self.norms[1](states))
        context, weights = self._cross_attend(
            queries, keys, values, location_mask, training
        )
        states = self._add(states, self.cross.project_output(context), training)
        return self._add_feed_forward(states, training), cache, weights

    def _self_attend_step(self, states, cache, visible, time, training):
        normal = self.norms[0](states)
        start = (0, 0, time * ops.shape(states)[1], 0)
        cache = tuple(
            ops.slice_update(old, start, split_heads(dense(normal), self.heads))
            for old, dense in zip(
                cache, (self.attention.key, self.attention.value), strict=True
            )
        )
        queries = self.attention.project_queries(normal)
        context, _ = self.attention.attend(
            queries, *cache, visible, training=training
        )
        return self.attention.project_output(context), cache

    def compute_output_spec(
        self,
        rows,
        tokens,
        slots,
        words,
        keys,
        values,
        location_mask=None,
        training=None,
    ):
        return keras.KerasTensor(rows.shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"cross_attn": self.cross_attn}

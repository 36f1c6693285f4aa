"""Stacks of transformer blocks: the whole encoder, the whole decoder."""

import keras
from keras import ops

from imcap.layers.masking import token_mask
from imcap.layers.packing import WordRows
from imcap.layers.transformer.decoder import DecoderBlock
from imcap.layers.transformer.encoder import EncoderBlock
from imcap.layers.transformer.normalization import transformer_normalization
from imcap.layers.transformer.word_embedding import WordEmbedding


@keras.saving.register_keras_serializable(package="imcap")
class TransformerEncoder(keras.layers.Layer):
    """Transformer encoder: `num_layers` times `EncoderBlock`, a last norm.

    Args:
        num_layers: int.
        block: dict, what `EncoderBlock` takes.
        **kwargs: see `keras.layers.Layer`.

    Call arguments, returns: as in `EncoderBlock`.

    Example:
        >>> TransformerEncoder(6, {"units": 512, "ff_size": 2048})(states)
    """

    def __init__(self, num_layers, block, **kwargs):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.block = dict(block)
        policy = self.dtype_policy
        self.blocks = [
            EncoderBlock(**block, dtype=policy, name=f"block_{number}")
            for number in range(num_layers)
        ]
        self.last_norm = transformer_normalization(
            block.get("norm", "layer"), dtype=policy, name="last_norm"
        )

    def build(self, states_shape):
        for layer in (*self.blocks, self.last_norm):
            layer.build(states_shape)
        self.built = True

    def call(self, states, location_mask=None, geometry=None, training=None):
        for block in self.blocks:
            states = block(states, location_mask, geometry, training=training)
        return self.last_norm(states)

    def compute_output_spec(
        self, states, location_mask=None, geometry=None, training=None
    ):
        return keras.KerasTensor(states.shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(num_layers=self.num_layers, block=dict(self.block))
        return config


@keras.saving.register_keras_serializable(package="imcap")
class TransformerDecoder(keras.layers.Layer):
    """Transformer decoder: words embedded, `DecoderBlock`s, a last norm.

    Args:
        vocabulary_size: int, V.
        num_layers: int.
        max_positions: int L, the most words of a caption, bos included.
        block: dict, what `DecoderBlock` takes.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        tokens: int32 tensor (B, N, T).
        slots, words: int32 tensors (B, M) and (W,), or None.
        encoded: float tensor (B, K, d), the encoder's output.
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        training: bool.

    Returns:
        Float tensor (W, d), the real words side by side.

    Raises:
        ValueError: more words than `max_positions`.

    Example:
        >>> decoder = TransformerDecoder(
        ...     9488, 6, 32, {"units": 512, "ff_size": 2048}
        ... )
        >>> rows = decoder(tokens, None, None, encoded)
    """

    def __init__(
        self, vocabulary_size, num_layers, max_positions, block, **kwargs
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_layers = num_layers
        self.max_positions = max_positions
        self.block = dict(block)
        policy = self.dtype_policy
        self.units = block["units"]
        self.embedding = WordEmbedding(
            vocabulary_size,
            self.units,
            max_positions,
            block.get("dropout", 0.0),
            dtype=policy,
            name="words",
        )
        self.rows = WordRows(dtype=policy, name="rows")
        self.blocks = [
            DecoderBlock(**block, dtype=policy, name=f"block_{number}")
            for number in range(num_layers)
        ]
        self.last_norm = transformer_normalization(
            block.get("norm", "layer"), dtype=policy, name="last_norm"
        )

    def build(self, tokens_shape):
        self.embedding.build(tokens_shape)
        for layer in (*self.blocks, self.last_norm):
            layer.build((None, self.units))
        self.built = True

    def project(self, encoded):
        """Keys and values of each block from the encoder's (B, K, d)."""
        pairs = [block.project(encoded) for block in self.blocks]
        keys, values = zip(*pairs, strict=True)
        return {"keys": list(keys), "values": list(values)}

    def call(
        self,
        tokens,
        slots,
        words,
        encoded,
        location_mask=None,
        training=None,
    ):
        memory = self.project(encoded)
        embedded = self.embedding(tokens, training=training)
        rows = self.rows(embedded, slots, words)  # (W, d)
        for block, key, value in zip(
            self.blocks, memory["keys"], memory["values"], strict=True
        ):
            rows = block(
                rows,
                tokens,
                slots,
                words,
                key,
                value,
                location_mask,
                training=training,
            )
        return self.last_norm(rows)

    def initial_state(self, batch, count):
        """Initial decoding state: an empty cache, at time 0.

        Caches stay where they are written, however hypotheses change places:
        each remembers the place at which each of its words was read, and
        looks there. Moving them would cost more than all else in a step.
        """
        shape = (batch, count, self.max_positions)
        return {
            # The same number everywhere: states have to begin with (B, N).
            "time": ops.zeros((batch, count), "int32"),
            # One more than the place of each word; 0 where there is none.
            "origins": ops.zeros(shape, "int32"),
            "in_place": [
                block.empty_cache(shape, self.compute_dtype)
                for block in self.blocks
            ],
        }

    def step(
        self, tokens, state, keys, values, location_mask=None, training=None
    ):
        """Incremental decoding step: one token more of each hypothesis.

        Args:
            tokens: int32 tensor (B, N).
            state: as `initial_state` or the last step gave it.
            keys, values: lists of what `project` made of the encoder's
                output.
            location_mask, training: as in `call`.

        Returns:
            Float tensor (B, N, d), the new state, and the last block's
            attention to the picture, (B, N, K, H) or (B, N, K).
        """
        time = ops.max(state["time"])
        here = ops.arange(self.max_positions, dtype="int32") == time
        places = ops.arange(ops.shape(tokens)[1], dtype="int32") + 1  # (N,)
        origin = ops.where(token_mask(tokens, time), places, 0)[..., None]
        origins = ops.where(here, origin, state["origins"])  # (B, N, L)
        visible = origins[..., None] == places  # (B, N, L, N)
        visible = ops.reshape(
            visible,
            (*ops.shape(tokens), self.max_positions * ops.shape(tokens)[1]),
        )
        states = self.embedding(tokens, time, training=training)
        caches = []
        for block, cache, key, value in zip(
            self.blocks, state["in_place"], keys, values, strict=True
        ):
            states, cache, weights = block.step(
                states,
                cache,
                visible,
                time,
                key,
                value,
                location_mask,
                training,
            )
            caches.append(cache)
        state = {
            "time": state["time"] + 1,
            "origins": origins,
            "in_place": caches,
        }
        return self.last_norm(states), state, weights

    def compute_output_spec(
        self,
        tokens,
        slots,
        words,
        encoded,
        location_mask=None,
        training=None,
    ):
        return keras.KerasTensor((None, self.units), self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            vocabulary_size=self.vocabulary_size,
            num_layers=self.num_layers,
            max_positions=self.max_positions,
            block=dict(self.block),
        )
        return config

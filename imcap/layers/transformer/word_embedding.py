"""The transformer's word embedding, positional encoding included."""

import keras
from keras import ops

from imcap.layers.transformer.positions import sinusoid


@keras.saving.register_keras_serializable(package="imcap")
class WordEmbedding(keras.layers.Layer):
    """Scaled word embedding and position: `drop(√d E[word] + PE[place])`.

    Args:
        vocabulary_size: int, V.
        units: int, width d.
        max_positions: int, the most words of a caption, bos included.
        dropout: float, share dropped in training.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        tokens: int32 tensor (…, T), or (…) at one place.
        place: int32 scalar, where all tokens stand; None for whole captions,
            where the last axis counts.
        training: bool.

    Returns:
        Float tensor (…, T, d), or (…, d).

    Raises:
        ValueError: more words than `max_positions`.

    Example:
        >>> WordEmbedding(9488, 512, 32)(tokens)

    Reference:
        Vaswani et al., 2017, "Attention is all you need", sections 3.4, 3.5.
    """

    def __init__(
        self, vocabulary_size, units, max_positions, dropout=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.units = units
        self.max_positions = max_positions
        self.dropout = dropout
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            units,
            embeddings_initializer="glorot_uniform",
            dtype=self.dtype_policy,
            name="embedding",
        )
        self.drop = keras.layers.Dropout(
            dropout, dtype=self.dtype_policy, name="drop"
        )

    def build(self, tokens_shape):
        self.embedding.build(tokens_shape)
        self.built = True

    def call(self, tokens, place=None, training=None):
        table = sinusoid(self.max_positions, self.units)
        table = ops.convert_to_tensor(table, dtype=self.compute_dtype)
        if place is None:
            table = table[: self._length(tokens)]  # (T, d)
        else:
            table = ops.take(table, place, axis=0)  # (d,)
        embedded = self.embedding(tokens) * self.units**0.5 + table
        return self.drop(embedded, training=training)

    def _length(self, tokens):
        static = tokens.shape[-1]
        if static is not None and static > self.max_positions:
            raise ValueError(
                f"captions of {static} words, but max_positions is "
                f"{self.max_positions}; build the captioner with more"
            )
        return ops.shape(tokens)[-1]

    def compute_output_spec(self, tokens, place=None, training=None):
        shape = (*tokens.shape, self.units)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            vocabulary_size=self.vocabulary_size,
            units=self.units,
            max_positions=self.max_positions,
            dropout=self.dropout,
        )
        return config

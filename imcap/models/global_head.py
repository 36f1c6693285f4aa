"""Global embeddings of pictures and captions, beside attention."""

import keras
import numpy as np
from keras import ops

from imcap.layers.dense import RowDense, euclidean_length, row_product
from imcap.layers.masking import mask_locations, masked_mean

# How much a GRU adds to the words at first.
GATE = 0.1
# Words that say nothing sum to 0: a smaller floor gives them huge gradients.
SHORTEST = 1e-3


@keras.saving.register_keras_serializable(package="imcap")
class GlobalImageEmbedding(keras.layers.Layer):
    """Global image embedding: one vector of length 1 for a picture.

    `g = W x̄ + b`, where x̄ is the mean of the standardised features. Each
    location has a share, `(W x_k + b) / ‖g‖`; their mean is `g / ‖g‖`. In
    training all locations have that mean.

    Args:
        width: int, G.
        dropout: float, share of x̄ hidden in training.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        features: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        training: bool.

    Returns:
        Float32 tensor (B, K, G), 0 where masked.

    Example:
        >>> GlobalImageEmbedding(512)(features)
    """

    def __init__(self, width, dropout=0.0, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.width = width
        self.rate = dropout
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    def build(self, features_shape, location_mask_shape=None):
        channels = features_shape[-1]
        self.mean = self.add_weight(
            name="mean",
            shape=(channels,),
            initializer="zeros",
            trainable=False,
        )
        self.deviation = self.add_weight(
            name="deviation",
            shape=(channels,),
            initializer="ones",
            trainable=False,
        )
        self.kernel = self.add_weight(
            name="kernel", shape=(channels, self.width)
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.width,), initializer="zeros"
        )
        self.built = True

    def call(self, features, location_mask=None, training=None):
        features = mask_locations(ops.cast(features, "float32"), location_mask)
        pooled = masked_mean(features, location_mask)[:, None]  # (B, 1, D)
        pooled = self.dropout(self._standard(pooled), training=training)
        whole = row_product(pooled, self.kernel) + self.bias
        length = euclidean_length(whole)
        if training:
            shares = ops.broadcast_to(
                whole, (*ops.shape(features)[:2], self.width)
            )
        else:
            standard = self._standard(features)
            shares = row_product(standard, self.kernel) + self.bias
        return mask_locations(shares / length, location_mask)

    def _standard(self, features):
        return (features - self.mean) / self.deviation

    def compute_output_spec(self, features, location_mask=None, training=None):
        shape = (*features.shape[:2], self.width)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        config = super().get_config()
        return config | {"width": self.width, "dropout": self.rate}


@keras.saving.register_keras_serializable(package="imcap")
class GlobalCaptionEmbedding(keras.layers.Layer):
    """Global caption embedding: one vector of length 1 for a caption.

    `c = Σ_t E w_t / ‖Σ_t E w_t‖ + γ mean_t P h_t`, where h are the states of
    a GRU: what is said, and in which order. Each word has a share of
    `c / ‖c‖`; their sum is that vector.

    Args:
        vocabulary_size: int, V.
        width: int, G.
        dropout: float, share of words hidden in training.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        tokens: int32 tensor (C, T), 0 = padding.
        states: float tensor (C, T, E), 0 in padding.
        training: bool.

    Returns:
        Float32 tensor (C, T, G), 0 in padding.

    Example:
        >>> GlobalCaptionEmbedding(2500, 512)(tokens, states)
    """

    def __init__(self, vocabulary_size, width, dropout=0.0, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))
        # Config
        self.vocabulary_size = vocabulary_size
        self.width = width
        self.rate = dropout
        # Layers
        self.embedding = keras.layers.Embedding(
            vocabulary_size, width, name="words"
        )
        self.dropout = keras.layers.Dropout(
            dropout, noise_shape=(None, None, 1), name="dropout"
        )
        self.project = RowDense(width, use_bias=False, name="states")

    def build(self, tokens_shape, states_shape):
        self.embedding.build(tokens_shape)
        self.project.build(states_shape)
        self.gate = self.add_weight(
            name="gate",
            shape=(),
            initializer=keras.initializers.Constant(GATE),
        )
        self.built = True

    def call(self, tokens, states, training=None):
        real = ops.cast(ops.not_equal(tokens, 0), "float32")[..., None]
        words = self.embedding(tokens) * real
        words = self.dropout(words, training=training)
        length = euclidean_length(ops.sum(words, axis=1, keepdims=True))
        words = words / ops.maximum(length, SHORTEST)
        order = self.project(ops.cast(states, "float32")) * real
        count = ops.maximum(ops.sum(real, axis=1, keepdims=True), 1.0)
        shares = words + self.gate * order / count
        length = euclidean_length(ops.sum(shares, axis=1, keepdims=True))
        return shares / ops.maximum(length, SHORTEST)

    def compute_output_spec(self, tokens, states, training=None):
        shape = (*tokens.shape, self.width)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "width": self.width,
            "dropout": self.rate,
        }


def start_as_ridge(images, captions, ridge, pooled):
    """Begins two global embeddings as the factors of a ridge.

    Fresh words know nothing of each other, nor of pictures. A ridge of the
    same data, solved in seconds, knows both.

    Args:
        images: a `GlobalImageEmbedding`, built.
        captions: a `GlobalCaptionEmbedding`, built, of the same width.
        ridge: a `RidgeMatcher` of that rank, fitted.
        pooled: float array (N, D), mean features of pictures: W begins with
            a size at which theirs are of length 1 on average.
    """
    mean = ops.convert_to_numpy(ridge.standardise.moving_mean)
    variance = ops.convert_to_numpy(ridge.standardise.moving_variance)
    line = ops.convert_to_numpy(ridge.inner.kernel)  # (D + 1, G)
    words = ops.convert_to_numpy(ridge.embedding.embeddings)  # (V, G)
    idf = ops.convert_to_numpy(ridge.idf.embeddings)  # (V, 1)
    deviation = np.sqrt(variance)
    predicted = (pooled - mean) / deviation @ line[:-1] + line[-1]
    line = line / max(np.linalg.norm(predicted, axis=1).mean(), 1e-12)
    images.mean.assign(mean)
    images.deviation.assign(deviation)
    # Of few words there are fewer directions than G. Where the ridge says
    # nothing, words stay as they were born: 0 times 0 would learn nothing.
    empty = ~np.any(words, axis=0)
    fresh = ops.convert_to_numpy(captions.embedding.embeddings)
    images.kernel.assign(line[:-1])
    images.bias.assign(line[-1])
    captions.embedding.embeddings.assign(np.where(empty, fresh, words * idf))

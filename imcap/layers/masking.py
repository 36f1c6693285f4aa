"""Masks: of locations that exist and of tokens that are words.

The one place that says which tokens are padding, and the one that owns
masked softmax. Masks are boolean, True = keep.
"""

import keras
from keras import ops

# Finite, and still finite after the cast to float16 that never happens here:
# the softmax runs in float32 whatever the layer's dtype.
FILL = -1e9


def token_mask(tokens, places=None):
    """Token mask: which tokens are words and not padding.

    Id 0 pads in every dialect; in some it is bos too, which stands first.

    Args:
        tokens: int tensor (…, T), captions from their bos on.
        places: int32 tensor that broadcasts to `tokens`, where each stands
            in its caption; None counts along the last axis.

    Returns:
        Boolean tensor of the shape of `tokens`, True = a word.

    Example:
        >>> token_mask(ops.array([0, 5, 7, 0]))
        [True, True, True, False]
    """
    if places is None:
        places = ops.arange(ops.shape(tokens)[-1], dtype="int32")
    return ops.logical_or(tokens != 0, places == 0)


@keras.saving.register_keras_serializable(package="imcap")
class TokenMask(keras.layers.Layer):
    """Token mask of captions: `token_mask` as a layer.

    Call arguments:
        tokens: int tensor (B, N, T).

    Returns:
        Boolean tensor (B, N, T), True = a word.

    Example:
        >>> TokenMask()(tokens)
    """

    def call(self, tokens):
        return token_mask(tokens)

    def compute_output_spec(self, tokens):
        return keras.KerasTensor(tokens.shape, dtype="bool")


def masked_softmax(scores, mask=None, axis=-1):
    """Masked softmax, over the entries that `mask` keeps, in float32 inside.

    A row with nothing to keep gives all zeros rather than NaN.

    Args:
        scores: float tensor, for example (B, Q, K).
        mask: boolean tensor that broadcasts to `scores`, True = keep; None
            keeps all.
        axis: the axis that sums to one.

    Returns:
        Weights of the shape and dtype of `scores`.

    Example:
        >>> masked_softmax(ops.array([[1.0, 1.0]]), ops.array([[True, False]]))
        [[1., 0.]]
    """
    dtype = scores.dtype
    scores = ops.cast(scores, "float32")
    if mask is None:
        return ops.cast(ops.softmax(scores, axis=axis), dtype)
    mask = ops.cast(mask, "bool")
    weights = ops.softmax(ops.where(mask, scores, FILL), axis=axis)
    return ops.cast(ops.where(mask, weights, 0.0), dtype)


def expand_mask(location_mask):
    """Broadcasts a mask (B, K) to scores (B, Q, K): (B, 1, K), or None.

    Args:
        location_mask: boolean tensor (B, K), or None.
    """
    return None if location_mask is None else location_mask[:, None]


def masked_mean(values, mask=None):
    """Masked mean over the locations of (B, K, D): (B, D).

    Args:
        values: float tensor (B, K, D).
        mask: boolean tensor (B, K), True = keep; None keeps all.
    """
    dtype = values.dtype
    # Sums of many float16 values would overflow.
    values = ops.cast(values, "float32")
    if mask is None:
        return ops.cast(ops.mean(values, axis=1), dtype)
    count = ops.sum(ops.cast(mask, "float32"), axis=1)[:, None]  # (B, 1)
    total = ops.sum(mask_locations(values, mask), axis=1)
    return ops.cast(total / ops.maximum(count, 1.0), dtype)


def mask_locations(values, mask=None):
    """Masks values (B, K, D): zeros where `mask` (B, K) is False.

    Padding may hold anything, NaN included, and zero times NaN is NaN, so
    it is replaced before anything multiplies it.
    """
    if mask is None:
        return values
    mask = ops.cast(mask, "bool")[:, :, None]  # (B, K, 1)
    return ops.where(mask, values, ops.zeros_like(values))


# Saved models may name it as it was called first.
@keras.saving.register_keras_serializable(package="imcap", name="KeptLocations")
class LocationMasking(keras.layers.Layer):
    """Location masking, zeros in padding: `mask_locations` as a layer.

    Call arguments:
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        Float tensor (B, K, D).

    Example:
        >>> LocationMasking()(features, mask)
    """

    def call(self, values, location_mask=None):
        return mask_locations(values, location_mask)

    def compute_output_spec(self, values, location_mask=None):
        return keras.KerasTensor(values.shape, dtype=values.dtype)


@keras.saving.register_keras_serializable(package="imcap")
class MaskedMean(keras.layers.Layer):
    """Masked mean over locations: `masked_mean` as a layer.

    Call arguments:
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.

    Returns:
        Float tensor (B, D).

    Example:
        >>> MaskedMean()(features, mask)
    """

    def call(self, values, location_mask=None):
        return masked_mean(values, location_mask)

    def compute_output_spec(self, values, location_mask=None):
        shape = (values.shape[0], values.shape[-1])
        return keras.KerasTensor(shape, dtype=values.dtype)


@keras.saving.register_keras_serializable(package="imcap")
class LocationDropout(keras.layers.Layer):
    """Location dropout: hides whole locations of each picture, in training.

    A captioner that may not count on any one cell or region learns less of
    the few pictures it has by heart.

    Args:
        rate: float, share of locations hidden.
        seed: int.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        values: float tensor (B, K, D).
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        training: bool.

    Returns:
        Boolean tensor (B, K), what of `location_mask` is left to see.

    Example:
        >>> mask = LocationDropout(0.3)(features, mask, training=True)
    """

    def __init__(self, rate, seed=1337, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, values, location_mask=None, training=False):
        shape = ops.shape(values)[:2]
        keep = ops.ones(shape, "bool")
        if training:
            drawn = keras.random.uniform(shape, seed=self.seed_generator)
            keep = drawn >= self.rate
        if location_mask is None:
            return keep
        return ops.logical_and(keep, ops.cast(location_mask, "bool"))

    def compute_output_spec(self, values, location_mask=None, training=False):
        return keras.KerasTensor(values.shape[:2], dtype="bool")

    def get_config(self):
        config = super().get_config()
        config.update(rate=self.rate, seed=self.seed)
        return config

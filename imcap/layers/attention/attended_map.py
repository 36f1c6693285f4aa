"""The attended map of SCA-CNN: channel and spatial attention in a row."""

import keras
from keras import ops

from imcap.layers.attention.channel_attention import ChannelAttention
from imcap.layers.attention.spatial_attention import SpatialAttention
from imcap.layers.masking import MaskedMean

ORDERS = ("C-S", "S-C", "C", "S")


@keras.saving.register_keras_serializable(package="imcap")
class AttendedMap(keras.layers.Layer):
    """Modulates a map by channel and spatial attention, in some order.

    C-S: `β = Φc(h, V)`, `α = Φs(h, Cβ∘V)`, `X = Cβ ∘ Lα ∘ V`; S-C the other
    way round; C and S alone. Weights are rescaled to mean one (C channels, L
    locations that exist), so that X is like V. The mean of X over locations
    needs no X.

    Args:
        units: int, A, width of the scores' hidden layers.
        order: "C-S", "S-C", "C" or "S".
        stddev: float, spread of initial weights.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        query: float tensor (B, Q, U), states h.
        values: float tensor (B, K, C), V.
        known: what `prepare` makes of the values.
        location_mask: boolean tensor (B, K), True = keep; None keeps all.
        whole: bool, whether X is wanted.

    Returns:
        The mean of X (B, Q, C), X (B·Q, K, C) or None, and a dict of
        weights (B, Q, K) and channels (B, Q, C), which sum to one each, as
        far as the order has them.

    Example:
        >>> place = AttendedMap(512)
        >>> context, modulated, attention = place(
        ...     hidden, values, place.prepare(values)
        ... )

    Reference:
        Chen et al., 2017, "SCA-CNN: spatial and channel-wise attention in
        convolutional networks for image captioning", section 3.
    """

    def __init__(self, units, order="C-S", stddev=0.01, **kwargs):
        super().__init__(**kwargs)
        if order not in ORDERS:
            raise ValueError(
                f"attention order must be one of {', '.join(ORDERS)}, got "
                f"{order!r}"
            )
        self.units = units
        self.order = order
        self.stddev = stddev
        policy = self.dtype_policy
        self.pool = MaskedMean(dtype=policy, name="pool")
        self.channel = self.spatial = None
        if "C" in order:
            self.channel = ChannelAttention(
                units, stddev, dtype=policy, name="channel"
            )
        if "S" in order:
            self.spatial = SpatialAttention(
                units, stddev, dtype=policy, name="spatial"
            )

    def build(self, query_shape, values_shape):
        if self.channel is not None:
            self.channel.build(query_shape)
        if self.spatial is not None:
            self.spatial.build(query_shape, values_shape)
        self.built = True

    def prepare(self, values, location_mask=None):
        """Precomputes what all queries share: v̄ (B, C) or keys (B, K, A)."""
        if self.order[0] == "C":
            return self.pool(values, location_mask)
        return self.spatial.project(values)

    def call(self, query, values, known, location_mask=None, whole=True):
        beta = alpha = None
        mask, modulated = location_mask, None
        if self.order[0] == "C":
            context, beta = self.channel(query, known)
            if whole or self.spatial is not None:
                modulated = _by_channel(values, beta, axis=2)
            if self.spatial is not None:
                context, alpha = self._attend_each(query, modulated, mask)
        else:
            context, alpha = self.spatial(query, known, values, mask)
            if self.channel is not None:
                context, beta = self.channel(query, context)
            if whole and beta is not None:
                modulated = _by_channel(values, beta, axis=2)
        if whole and alpha is not None:
            modulated = _by_location(values, modulated, alpha, mask)
        attention = {}
        if alpha is not None:
            attention["weights"] = alpha
        if beta is not None:
            attention["channels"] = beta
        return context, modulated if whole else None, attention

    def _attend_each(self, query, values, mask):
        """Spatial attention of each query to a map of its own."""
        count = ops.shape(query)[1]
        rows = ops.reshape(query, (-1, 1, query.shape[-1]))
        context, alpha = self.spatial(
            rows, self.spatial.project(values), values, each_mask(mask, count)
        )
        shape = ops.shape(query)[:2]
        context = ops.reshape(context, (*shape, values.shape[-1]))
        return context, ops.reshape(alpha, (*shape, ops.shape(values)[1]))

    def compute_output_spec(
        self, query, values, known, location_mask=None, whole=True
    ):
        def spec(*shape):
            return keras.KerasTensor(shape, dtype=self.compute_dtype)

        leading, (_, locations, width) = query.shape[:2], values.shape
        attention = {}
        if self.spatial is not None:
            attention["weights"] = spec(*leading, locations)
        if self.channel is not None:
            attention["channels"] = spec(*leading, width)
        modulated = spec(None, locations, width) if whole else None
        return spec(*leading, width), modulated, attention

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, order=self.order, stddev=self.stddev)
        return config


def each_mask(mask, count):
    """Repeats a mask (B, K) for `count` hypotheses: (B·N, K), or None."""
    if mask is None:
        return None
    return ops.repeat(mask, count, axis=0)


def _by_channel(values, beta, axis):
    """`Cβ ∘ V` for every query: (B·Q, K, C)."""
    scale = ops.expand_dims(beta * beta.shape[-1], axis)  # (B, Q, 1, C)
    modulated = values[:, None] * scale  # (B, Q, K, C)
    return ops.reshape(modulated, (-1, ops.shape(values)[1], values.shape[-1]))


def _by_location(values, modulated, alpha, mask):
    """`Lα ∘` the map, which has become each query's own or has not."""
    locations, width = ops.shape(values)[1], values.shape[-1]
    if mask is None:
        alpha = alpha * ops.cast(locations, alpha.dtype)
    else:
        real = ops.sum(ops.cast(mask, "float32"), axis=1)  # (B,)
        alpha = alpha * ops.cast(real, alpha.dtype)[:, None, None]
    if modulated is not None:
        return modulated * ops.reshape(alpha, (-1, locations, 1))
    modulated = values[:, None] * alpha[..., None]  # (B, Q, K, C)
    return ops.reshape(modulated, (-1, locations, width))

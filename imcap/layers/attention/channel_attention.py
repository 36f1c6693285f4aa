"""Channel attention of SCA-CNN: over the channels of a map (Φc)."""

import keras
from keras import ops

from imcap.layers.dense import RowDense
from imcap.layers.initializers import SquareOrthogonal
from imcap.layers.kernels.channel_score import channel_score
from imcap.layers.masking import masked_softmax


@keras.saving.register_keras_serializable(package="imcap")
class ChannelAttention(keras.layers.Layer):
    """Channel attention: a weight for each channel of a map.

    `e_c = u · tanh(v̄_c w_c + b_c + W_hc h)`, `β = softmax(e)`,
    with v̄_c the mean of channel c over locations.

    The hidden layer (B, Q, C, A) is only ever held in part.

    Args:
        units: int, A, width of the score's hidden layer.
        stddev: float, spread of initial weights; small, for then all
            channels count alike and what follows sees what it was
            trained on.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        query: float tensor (B, Q, U), states h.
        means: float tensor (B, C), v̄; or (B, Q, C), one for each query.

    Returns:
        Context (B, Q, C), the means times weights that are rescaled to mean
        one, and the weights (B, Q, C), which sum to one over C.

    Example:
        >>> context, weights = ChannelAttention(512)(hidden, means)

    Reference:
        Chen et al., 2017, "SCA-CNN: spatial and channel-wise attention in
        convolutional networks for image captioning", section 3.3. A scalar
        that the paper adds to scores is left out: a softmax cancels it.
    """

    def __init__(self, units, stddev=0.01, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be positive, got {units}")
        self.units = units
        self.stddev = stddev
        self.query_dense = RowDense(
            units,
            kernel_initializer=SquareOrthogonal(stddev),
            dtype=self.dtype_policy,
            name="query",
        )

    def build(self, query_shape, means_shape=None):
        self.query_dense.build(query_shape)
        for name, shape in (
            ("key_kernel", (self.units,)),
            ("score_kernel", (self.units, 1)),
        ):
            weight = self.add_weight(
                shape=shape,
                initializer=SquareOrthogonal(self.stddev),
                name=name,
            )
            setattr(self, name, weight)
        self.built = True

    def call(self, query, means):
        rows = self.query_dense(query)  # (B, Q, A)
        per_image = means
        if len(means.shape) == 3:  # each query is an image of its own
            per_image = ops.reshape(means, (-1, means.shape[-1]))
            rows = ops.reshape(rows, (-1, 1, self.units))
        # The written-out gradient wants tensors, not the variables.
        kernel = ops.reshape(self.key_kernel, (self.units,))
        score = ops.reshape(self.score_kernel, (self.units, 1))
        kernel, score = (ops.cast(part, rows.dtype) for part in (kernel, score))
        scores = channel_score(rows, per_image, kernel, score)
        shape = (*ops.shape(query)[:2], means.shape[-1])
        weights = ops.reshape(masked_softmax(scores), shape)  # (B, Q, C)
        if len(means.shape) == 2:
            means = means[:, None]
        return means * weights * means.shape[-1], weights

    def compute_output_spec(self, query, means):
        shape = (*query.shape[:2], means.shape[-1])
        return tuple(
            keras.KerasTensor(shape, dtype=self.compute_dtype) for _ in range(2)
        )

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, stddev=self.stddev)
        return config

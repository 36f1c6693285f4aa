"""The GRU of SCAN: over captions, both ways, the mean of the two."""

import keras
from keras import ops

from imcap.layers.dense import row_product
from imcap.layers.kernels.gru_recurrence import run_gru


@keras.saving.register_keras_serializable(package="imcap")
class AveragedGRU(keras.layers.Layer):
    """GRU over captions, in one direction or the mean of two.

    `r, z = σ(W x + b + R h + d)`, `n = tanh(W_n x + b_n + r∘(R_n h + d_n))`,
    `h' = (1 − z)∘n + z∘h`; with two directions the mean of both h. The second
    direction begins at each caption's last real word.

    Args:
        units: int, width U of each direction.
        num_layers: int; each further layer reads both directions of the one
            before, side by side.
        bidirectional: bool.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        words: float tensor (C, T, D).
        word_mask: boolean tensor (C, T), True = a word; padding follows the
            words. None where all are words.

    Returns:
        Float tensor (C, T, U), 0 where there is no word.

    Raises:
        ValueError: no layer at all.

    Example:
        >>> AveragedGRU(1024, bidirectional=True)(words, tokens != 0)

    Reference:
        Lee et al., 2018, "Stacked cross attention for image-text matching",
        section 3.3; Cho et al., 2014, with the reset gate behind the
        recurrent product, as PyTorch and cuDNN have it.
    """

    def __init__(self, units, num_layers=1, bidirectional=False, **kwargs):
        super().__init__(**kwargs)
        if num_layers < 1:
            raise ValueError(f"num_layers must be positive, got {num_layers}")
        self.units = units
        self.num_layers = num_layers
        self.bidirectional = bidirectional

    def build(self, words_shape, word_mask_shape=None):
        names = ["forward"] + ["backward"] * self.bidirectional
        width = words_shape[-1]
        self.passes = []
        for number in range(self.num_layers):
            self.passes.append(
                [self._make_weights(f"{n}_{number}", width) for n in names]
            )
            width = self.units * len(names)
        self.built = True

    def _make_weights(self, name, width):
        # PyTorch's: all weights within 1/√U.
        limit = self.units**-0.5
        shapes = {
            "kernel": (width, 3 * self.units),
            "recurrent_kernel": (self.units, 3 * self.units),
            "bias": (3 * self.units,),
            "recurrent_bias": (3 * self.units,),
        }
        return [
            self.add_weight(
                shape=shape,
                initializer=keras.initializers.RandomUniform(-limit, limit),
                name=f"{name}_{part}",
            )
            for part, shape in shapes.items()
        ]

    def call(self, words, word_mask=None):
        steps = ops.transpose(words, (1, 0, 2))  # (T, C, D)
        mask = ops.ones_like(steps[..., :1])
        if word_mask is not None:
            real = ops.transpose(ops.cast(word_mask, "bool"))[..., None]
            steps = ops.where(real, steps, ops.zeros_like(steps))
            mask = ops.cast(real, steps.dtype)  # (T, C, 1)
        for directions in self.passes:
            states = [
                self._run(steps, mask, weights, reverse=bool(number))
                for number, weights in enumerate(directions)
            ]
            steps = ops.concatenate(states, axis=-1)
        mean = sum(states) * (mask / len(states))
        return ops.transpose(mean, (1, 0, 2))

    def _run(self, steps, mask, weights, reverse):
        kernel, recurrent, bias, recurrent_bias = (
            # The written-out gradient wants tensors, not variables.
            ops.cast(ops.reshape(weight, weight.shape), steps.dtype)
            for weight in weights
        )
        gates = row_product(steps, kernel) + bias  # (T, C, 3U)
        return run_gru(gates, mask, recurrent, recurrent_bias, reverse)

    def compute_output_spec(self, words, word_mask=None):
        shape = (*words.shape[:2], self.units)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
        )
        return config

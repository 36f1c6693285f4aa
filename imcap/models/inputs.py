"""Inputs of models: symbolic ones, and optional ones completed."""

import keras


class ModelWithOptionalInputs(keras.Model):
    """Functional model whose dict of inputs may lack some of them."""

    OPTIONAL: tuple[str, ...] = ("mask",)

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(self.complete(inputs), *args, **kwargs)

    def call(self, inputs, training=None, mask=None):
        # JAX trains without passing through __call__.
        return super().call(self.complete(inputs), training, mask)

    def complete(self, inputs):
        """The inputs, with None for what is optional and absent."""
        if not isinstance(inputs, dict):
            return inputs
        return inputs | {name: inputs.get(name) for name in self.OPTIONAL}


def location_inputs(channels):
    """Symbolic features (B, K, D) and, optional, their mask (B, K)."""
    return {
        "features": keras.Input((None, channels), name="features"),
        "mask": keras.Input((None,), dtype="bool", name="mask", optional=True),
    }


def caption_inputs(channels, positions=None):
    """The symbolic inputs that all captioners share.

    Args:
        channels: int, D of the features.
        positions: int, P, for models that know where locations are.

    Returns:
        Dict of `keras.Input`.
    """
    inputs = location_inputs(channels) | {
        "tokens": keras.Input((None, None), dtype="int32", name="tokens"),
        "slots": keras.Input(
            (None,), dtype="int32", name="slots", optional=True
        ),
        "words": keras.Input(
            batch_shape=(None,), dtype="int32", name="words", optional=True
        ),
    }
    if positions is not None:
        inputs["positions"] = keras.Input((None, positions), name="positions")
    return inputs

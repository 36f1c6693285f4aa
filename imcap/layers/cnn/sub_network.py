"""The sub-network of SCA-CNN between two attended maps."""

import keras
from keras import ops

from imcap.layers.dense import row_product

ACTIVATIONS = {"relu": ops.relu, "relu6": ops.relu6}
STATISTICS = {
    "gamma": "ones",
    "beta": "zeros",
    "moving_mean": "zeros",
    "moving_variance": "ones",
}


@keras.saving.register_keras_serializable(package="imcap")
class SubNetwork(keras.layers.Layer):
    """Sub-network: convolutions, frozen norms, sums and activations.

    Args:
        then: list of dicts, one for each operation, by its first key:
            {"conv": filters, "kernel": 1, "use_bias": True};
            {"norm": epsilon}, batch normalisation by kept statistics, never
            trained; {"add": channels}, adds the next channels of `side`;
            {"activation": "relu" or "relu6"}. "layer" in conv or norm names
            the layer of a picture network that `copy_from` reads.
        grid: (h, w) of the locations; for kernels above 1.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        values: float tensor (B·N, K, C).
        side: float tensor (B, K, R) of all that is added, the same for the
            N maps of a picture; None where nothing is.

    Returns:
        Float tensor (B·N, K, C').

    Raises:
        ValueError: an operation that there is not, locations that do not
            make the grid.

    Example:
        >>> SubNetwork([{"conv": 320}, {"norm": 1e-3}])(values)
    """

    def __init__(self, then, grid=(7, 7), **kwargs):
        super().__init__(**kwargs)
        self.then = [dict(each) for each in then]
        self.grid = tuple(grid)
        for each in self.then:
            known = {"conv", "norm", "add", "activation"} & set(each)
            if len(known) != 1:
                raise ValueError(
                    f"{each} is no operation; give one of conv, norm, add "
                    "and activation"
                )

    @property
    def has_spatial_kernel(self):
        """Whether a kernel is larger than 1 x 1 and mixes locations."""
        return any(each.get("kernel", 1) > 1 for each in self.then)

    def build(self, values_shape, side_shape=None):
        width = values_shape[-1]
        self.parts = []  # the weights of each operation, by name
        for place, each in enumerate(self.then):
            if "conv" in each:
                self.parts.append(self._conv_weights(place, each, width))
                width = each["conv"]
            elif "norm" in each:
                self.parts.append(self._norm_weights(place, width))
            else:
                self.parts.append({})
            if each.get("add", width) != width:
                raise ValueError(f"{each} cannot be added to {width} channels")
        self.built = True

    def _conv_weights(self, place, each, width):
        size, filters = each.get("kernel", 1), each["conv"]
        made = {
            "kernel": self.add_weight(
                shape=(size, size, width, filters), name=f"kernel_{place}"
            )
        }
        if each.get("use_bias", True):
            made["bias"] = self.add_weight(
                shape=(filters,), initializer="zeros", name=f"bias_{place}"
            )
        return made

    def _norm_weights(self, place, width):
        return {
            name: self.add_weight(
                shape=(width,),
                initializer=initializer,
                trainable=False,
                autocast=False,  # statistics stay in float32
                name=f"norm_{place}_{name}",
            )
            for name, initializer in STATISTICS.items()
        }

    def call(self, values, side=None):
        added = 0
        for each, weights in zip(self.then, self.parts, strict=True):
            if "conv" in each:
                values = self._conv(values, each, weights)
            elif "norm" in each:
                values = _normalize(values, weights, each["norm"])
            elif "add" in each:
                more = side[..., added : added + each["add"]]
                values = _add_to_each(values, more)
                added += each["add"]
            else:
                values = ACTIVATIONS[each["activation"]](values)
        return values

    def _conv(self, values, each, weights):
        kernel = ops.cast(weights["kernel"], values.dtype)
        if each.get("kernel", 1) == 1:
            values = row_product(values, kernel[0, 0])
        else:
            shape = ops.shape(values)
            self._check_grid(shape[1])
            spread = (shape[0], *self.grid, values.shape[-1])
            values = ops.conv(
                ops.reshape(values, spread), kernel, padding="same"
            )
            values = ops.reshape(values, (*shape[:2], each["conv"]))
        if "bias" not in weights:
            return values
        return values + ops.cast(weights["bias"], values.dtype)

    def _check_grid(self, count):
        height, width = self.grid
        if isinstance(count, int) and count != height * width:
            raise ValueError(
                f"{count} locations are no grid of {height} x {width}; give "
                "image_grid"
            )

    def copy_from(self, network):
        """Takes the weights of the layers that operations name.

        Args:
            network: a `keras.Model` with layers of those names.
        """
        for each, weights in zip(self.then, self.parts, strict=True):
            if "layer" in each and weights:
                source = network.get_layer(each["layer"])
                for name, weight in weights.items():
                    weight.assign(getattr(source, name))

    def compute_output_spec(self, values, side=None):
        widths = [each["conv"] for each in self.then if "conv" in each]
        shape = (*values.shape[:-1], (widths or [values.shape[-1]])[-1])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            then=[dict(each) for each in self.then], grid=list(self.grid)
        )
        return config


def _normalize(values, weights, epsilon):
    scale = weights["gamma"] * ops.rsqrt(weights["moving_variance"] + epsilon)
    shift = weights["beta"] - weights["moving_mean"] * scale
    dtype = values.dtype
    return values * ops.cast(scale, dtype) + ops.cast(shift, dtype)


def _add_to_each(values, more):
    """Adds (B, K, F) to each of the N maps of (B·N, K, F)."""
    shape = ops.shape(values)
    spread = (ops.shape(more)[0], -1, shape[1], values.shape[-1])
    return ops.reshape(ops.reshape(values, spread) + more[:, None], shape)

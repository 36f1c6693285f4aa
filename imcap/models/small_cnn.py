"""A small CNN encoder, trained from nothing on a CPU."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="imcap")
class SmallCNN(keras.Model):
    """Small CNN: convolutions that halve the picture three times.

    A cell sees 14 pixels across, little more than its own 8, so that what
    it says is about what lies there. The map is normalised cell by cell:
    were empty ground near zero, attention could spread over it for nothing
    and would never learn to point. The last two channels say where a cell
    is, from −1 to 1, so that words of place can be learnt from few pictures.

    Args:
        image_size: int, side of the square input in pixels; a multiple of 8.
        channels: int, D of the map, coordinates included.
        **kwargs: see `keras.Model`.

    Call arguments:
        images: tensor (B, image_size, image_size, 3), RGB in 0..255.

    Returns:
        Float tensor (B, image_size / 8, image_size / 8, channels).

    Example:
        >>> SmallCNN(64)(images)  # (B, 8, 8, 64)

    Reference:
        Liu et al., 2018, "An intriguing failing of convolutional neural
        networks and the CoordConv solution", for the coordinates.
    """

    def __init__(self, image_size=64, channels=64, **kwargs):
        if image_size % 8:
            raise ValueError(
                f"image_size must be a multiple of 8, got {image_size}"
            )
        images = keras.Input((image_size, image_size, 3), name="images")
        maps = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
        for number, (width, side) in enumerate(((16, 3), (32, 3), (64, 1))):
            name = f"convolution_{number}"
            maps = self._convolution(maps, width, side, name)
            maps = keras.layers.MaxPooling2D(name=f"halve_{number}")(maps)
        maps = self._convolution(maps, channels - 2, 1, "last")
        maps = keras.layers.LayerNormalization(epsilon=1e-3, name="norm")(maps)
        maps = Coordinates(name="coordinates")(maps)
        super().__init__(inputs=images, outputs=maps, **kwargs)
        self.image_size = image_size
        self.channels = channels

    @staticmethod
    def _convolution(maps, width, side, name):
        return keras.layers.Conv2D(
            width,
            side,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=name,
        )(maps)

    def get_config(self):
        return {
            "name": self.name,
            "image_size": self.image_size,
            "channels": self.channels,
        }


@keras.saving.register_keras_serializable(package="imcap")
class Coordinates(keras.layers.Layer):
    """Adds two channels: row and column of each cell, from −1 to 1.

    Call arguments:
        maps: float tensor (B, h, w, C).

    Returns:
        Float tensor (B, h, w, C + 2).

    Example:
        >>> Coordinates()(maps)
    """

    def call(self, maps):
        _, height, width, _ = ops.shape(maps)
        rows = ops.linspace(-1.0, 1.0, height)[None, :, None, None]
        columns = ops.linspace(-1.0, 1.0, width)[None, None, :, None]
        like = ops.zeros_like(maps[..., :1])
        places = [like + ops.cast(line, maps.dtype) for line in (rows, columns)]
        return ops.concatenate([maps, *places], axis=-1)

    def compute_output_shape(self, maps_shape):
        return (*maps_shape[:-1], maps_shape[-1] + 2)

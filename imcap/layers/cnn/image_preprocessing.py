"""Image preprocessing: from RGB in 0..255 to what a network expects."""

import keras
from keras import ops

MODES = ("none", "caffe", "tf", "torch", "lite")
CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB, 0..255
TORCH_MEAN = (123.675, 116.28, 103.53)  # RGB, 0..255
TORCH_DEVIATION = (58.395, 57.12, 57.375)


@keras.saving.register_keras_serializable(package="imcap")
class ImagePreprocessing(keras.layers.Layer):
    """Image preprocessing of picture networks, as a layer.

    Args:
        mode: "caffe" (minus the mean, BGR), "tf" (-1..1), "torch" (minus
            the mean, over the deviation), "lite" (minus 127, over 128) or
            "none".

    Call arguments:
        images: (B, H, W, 3) float, RGB in 0..255.

    Returns:
        (B, H, W, 3) float.

    Raises:
        ValueError: another mode.

    Example:
        >>> ImagePreprocessing("tf")(np.full((1, 2, 2, 3), 255.0))  # ones
    """

    def __init__(self, mode="none", **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
        self.mode = mode

    def call(self, images):
        if self.mode == "caffe":
            mean = ops.convert_to_tensor(CAFFE_MEAN, images.dtype)
            return ops.flip(images - mean, axis=-1)
        if self.mode == "tf":
            return images / 127.5 - 1.0
        if self.mode == "torch":
            mean = ops.convert_to_tensor(TORCH_MEAN, images.dtype)
            deviation = ops.convert_to_tensor(TORCH_DEVIATION, images.dtype)
            return (images - mean) / deviation
        if self.mode == "lite":
            return (images - 127.0) / 128.0
        return images

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"mode": self.mode}

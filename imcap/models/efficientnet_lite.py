"""EfficientNet-Lite: picture networks made for small devices."""

import math

import keras

# Repeats, kernel, stride, expansion and channels of each stage of Lite0.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# Factors of width and depth, and the side of the pictures it was trained on.
VARIANTS = {
    "EfficientNetLite0": (1.0, 1.0, 224),
    "EfficientNetLite1": (1.0, 1.1, 240),
    "EfficientNetLite2": (1.1, 1.2, 260),
    "EfficientNetLite3": (1.2, 1.4, 280),
    "EfficientNetLite4": (1.4, 1.8, 300),
}
STEM, HEAD = 32, 1280  # channels, whatever the width


def build_efficientnet_lite(variant, image_size=None):
    """Builds an EfficientNet-Lite without its classifier, weights random.

    An EfficientNet without squeeze-and-excitation and with ReLU6 for swish;
    stem, head, and the depth of the first and the last stage are those of
    Lite0 in every variant. Layers are called as in keras.applications.

    Args:
        variant: a name in `VARIANTS`.
        image_size: side of the square input, pixels; None for the variant's
            own.

    Returns:
        keras.Model of pictures (B, image_size, image_size, 3), as
        `ImagePreprocessing("lite")` gives them, to maps (B, h, w, 1280),
        h = w = ceil(image_size / 32).

    Raises:
        ValueError: image_size is below 32.

    Reference:
        Tan and Le, 2019, "EfficientNet: rethinking model scaling for
        convolutional neural networks"; the Lite variants are those of
        TensorFlow's TPU repository, 2020.
    """
    width, depth, own_size = VARIANTS[variant]
    size = image_size or own_size
    if size < 32:
        raise ValueError("the input must be at least 32x32")
    images = keras.Input((size, size, 3), name="images")
    maps = _normalised(
        keras.layers.Conv2D(
            STEM, 3, 2, "same", use_bias=False, name="stem_conv"
        )(images),
        "stem",
    )
    for number, (repeats, *shape, channels) in enumerate(STAGES, start=1):
        if 1 < number < len(STAGES):
            repeats = math.ceil(repeats * depth)
        kernel, stride, expansion = shape
        for block in range(repeats):
            maps = _block(
                maps,
                kernel,
                stride if block == 0 else 1,
                expansion,
                round_channels(channels * width),
                f"block{number}{chr(ord('a') + block)}_",
            )
    maps = keras.layers.Conv2D(HEAD, 1, use_bias=False, name="top_conv")(maps)
    return keras.Model(images, _normalised(maps, "top"), name=variant.lower())


def round_channels(channels, divisor=8):
    """The nearest multiple of 8, or the one above where a tenth is lost."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _normalised(maps, name, activated=True):
    """Batch normalisation, and ReLU6 behind it."""
    normalise = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")
    maps = normalise(maps)
    if activated:
        maps = keras.layers.ReLU(6.0, name=f"{name}_activation")(maps)
    return maps


def _block(maps, kernel, stride, expansion, channels, name):
    """Inverted bottleneck: wider, a filter a channel, narrower again."""
    inputs, incoming = maps, maps.shape[-1]
    if expansion > 1:
        maps = keras.layers.Conv2D(
            incoming * expansion, 1, use_bias=False, name=f"{name}expand_conv"
        )(maps)
        maps = _normalised(maps, f"{name}expand")
    maps = keras.layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}dwconv"
    )(maps)
    maps = _normalised(maps, f"{name}dw")
    maps = keras.layers.Conv2D(
        channels, 1, use_bias=False, name=f"{name}project_conv"
    )(maps)
    maps = _normalised(maps, f"{name}project", activated=False)
    if stride == 1 and incoming == channels:
        maps = keras.layers.Add(name=f"{name}add")([maps, inputs])
    return maps

"""EfficientNet-Lite: shapes, sizes and what its layers are called."""

import keras
import numpy as np
import pytest

from imcap.models.backbones import build_backbone
from imcap.models.efficientnet_lite import (
    VARIANTS,
    build_efficientnet_lite,
    round_channels,
)

# Weights and statistics without the classifier, as PyTorch's twin has them.
PARAMETERS = {
    "EfficientNetLite0": 3_413_024,
    "EfficientNetLite1": 4_189_344,
    "EfficientNetLite2": 4_869_168,
    "EfficientNetLite3": 6_992_768,
    "EfficientNetLite4": 11_837_936,
}

# PyTorch's map of a picture of colours: some channels of the middle cell.
CHANNELS = [689, 806, 897, 901, 930, 1006]
VALUES = [5.74636, 4.69752, 3.89393, 4.19047, 6.0, 6.0]


@pytest.mark.parametrize("variant", PARAMETERS)
def test_as_many_weights_as_its_twin(variant):
    network = build_efficientnet_lite(variant)
    size = VARIANTS[variant][2]
    assert network.input_shape == (None, size, size, 3)
    cells = -(-size // 32)
    assert network.output_shape == (None, cells, cells, 1280)
    assert network.count_params() == PARAMETERS[variant]


def test_widths_are_multiples_of_eight():
    assert [round_channels(n * 1.1) for n in (16, 24, 40, 80, 112, 192)] == [
        16, 24, 48, 88, 120, 208
    ]  # fmt: skip
    assert round_channels(11.1) == 16  # 8 would be a tenth too few


def test_a_backbone_at_its_own_size():
    backbone = build_backbone("efficientnet-lite2")
    assert backbone.image_size == 260 and backbone.layer == "top_activation"
    assert backbone.output_shape == (None, 9, 9, 1280)
    assert backbone.preprocessing == "lite"


def test_activations_stay_within_six():
    backbone = build_backbone("efficientnet_lite0", image_size=32)
    maps = keras.ops.convert_to_numpy(
        backbone(np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)))
    )
    assert maps.min() >= 0 and maps.max() <= 6


def test_too_small_a_picture():
    with pytest.raises(ValueError, match=r"EfficientNetLite0 at 16: .*32x32"):
        build_backbone("efficientnet_lite0", image_size=16)


def test_packaged_weights_give_what_pytorch_gives():
    """A few numbers of PyTorch's maps of a picture of colours."""
    from imcap.models.picture_networks import packaged_weights

    try:
        packaged_weights("EfficientNetLite0")
    except ValueError as error:
        pytest.skip(str(error))
    backbone = build_backbone("efficientnet_lite0", "imagenet")
    rows, columns = np.mgrid[0:224, 0:224].astype("float32")
    picture = np.stack([rows, columns, 223.0 - rows], axis=-1)
    maps = keras.ops.convert_to_numpy(backbone(picture[None]))[0]
    np.testing.assert_allclose(maps[3, 3, CHANNELS], VALUES, atol=1e-4)

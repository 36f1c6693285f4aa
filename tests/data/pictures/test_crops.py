"""Views are parts of pictures, and come out as a person would cut them."""

import numpy as np
from PIL import Image

from imcap.data.pictures.crops import AREAS, RATIOS, Crop, random_crop
from imcap.data.pictures.decoding import load_pixels
from imcap.data.pictures.listing import ImageList


def test_views_lie_in_the_picture_and_vary():
    rng = np.random.default_rng(5)
    crops = [random_crop(rng) for _ in range(2000)]
    for crop in crops:
        assert 0 <= crop.top <= crop.top + crop.height <= 1 + 1e-9
        assert 0 <= crop.left <= crop.left + crop.width <= 1 + 1e-9
    areas = np.array([crop.height * crop.width for crop in crops])
    ratios = np.array([crop.width / crop.height for crop in crops])
    # A side that would not fit is cut, which takes some of the area.
    assert areas.min() > AREAS[0] * 0.9 and areas.max() <= AREAS[1]
    assert ratios.min() > RATIOS[0] * 0.99
    assert ratios.max() < RATIOS[1] * 1.01
    assert areas.std() > 0.1 and ratios.std() > 0.08
    share = np.mean([crop.mirrored for crop in crops])
    assert 0.45 < share < 0.55


def test_pixels_of_a_crop(tmp_path):
    rng = np.random.default_rng(2)
    whole = rng.integers(0, 255, (20, 40, 3)).astype("uint8")
    path = tmp_path / "p.png"
    Image.fromarray(whole).save(path)
    part = whole[5:15, 10:30]
    crop = Crop(0.25, 0.25, 0.5, 0.5, False)
    found = load_pixels(path, 10, 20, crop=crop)
    np.testing.assert_array_equal(found, part)
    turned = load_pixels(path, 10, 20, crop=crop._replace(mirrored=True))
    np.testing.assert_array_equal(turned, part[:, ::-1])
    everything = Crop(0.0, 0.0, 1.0, 1.0, False)
    np.testing.assert_array_equal(
        load_pixels(path, 7, 9, crop=everything), load_pixels(path, 7, 9)
    )


def test_a_view_of_one_pixel_is_not_empty(tmp_path):
    path = tmp_path / "p.png"
    Image.new("RGB", (1, 1), "red").save(path)
    crop = Crop(0.9, 0.9, 0.1, 0.1, True)
    found = load_pixels(path, 3, 2, crop=crop)
    np.testing.assert_array_equal(found, np.full((3, 2, 3), [255, 0, 0]))


def test_each_picture_gets_its_own_views(tmp_path):
    images = ImageList.from_paths([tmp_path / "a.png", tmp_path / "b.png"])
    more = images.augmented(3, seed=1)
    assert more.image_ids == ["a#0", "a#1", "a#2", "b#0", "b#1", "b#2"]
    assert [path.name for path in more.paths] == ["a.png"] * 3 + ["b.png"] * 3
    assert len(set(more.crops)) == 6
    assert images.augmented(3, seed=1).crops == more.crops
    assert images.augmented(3, seed=2).crops != more.crops

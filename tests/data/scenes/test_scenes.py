"""Drawn scenes: every caption true, every mask where the shape is."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imcap import files
from imcap.data.scenes.scene_captions import COLOR_NAMES, SHAPE_NAMES
from imcap.data.scenes.scenes import (
    COLORS,
    SHAPES,
    SIZES,
    SceneObject,
    draw_scenes,
    find_named_objects,
    find_shape_words,
    is_correct_caption,
    relation_between,
    write_scenes,
)

OPPOSITES = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
}
SCENES = draw_scenes(150, seed=3)
SEEDS = st.integers(0, 2**31)


def thing(shape, color, box=(0, 0, 1, 1), size="small"):
    return SceneObject(shape, color, size, box, np.zeros((4, 4), bool))


def claims(words):
    """Reads a caption: [(size or None, color, shape)], relation or None."""
    things, at = [], 0
    for position, color, shape in find_shape_words(words):
        sizes = [word for word in words[at:position] if word in SIZES]
        things.append((sizes[0] if sizes else None, color, shape))
        at = position
    text = " ".join(words)
    relations = [relation for relation in OPPOSITES if relation in text]
    return things, (relations or [None])[0]


def assert_true(caption, objects):
    things, relation = claims(caption.split())
    by_name = {(o.color, o.shape): o for o in objects}
    assert len(things) == len(objects) == len(by_name)
    named = [by_name[color, shape] for _, color, shape in things]
    for (size, _, _), one in zip(things, named, strict=True):
        assert size in (None, one.size)
    if relation is None:
        return
    (a, b) = named
    assert {
        "left of": a.box[2] <= b.box[0],
        "right of": a.box[0] >= b.box[2],
        "above": a.box[3] <= b.box[1],
        "below": a.box[1] >= b.box[3],
    }[relation]
    assert relation_between(a, b) == relation
    assert relation_between(b, a) == OPPOSITES[relation]


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([32, 49, 64, 96]))
def test_every_caption_is_true(seed, image_size):
    scenes = draw_scenes(6, seed, image_size)
    for captions, objects in zip(scenes.captions, scenes.objects, strict=True):
        assert len(captions) == len(set(captions)) == 5
        for caption in captions:
            assert_true(caption, objects)
            assert is_correct_caption(caption.split(), objects)


def test_captions_are_plain_lower_case_words():
    words = {
        word
        for captions in SCENES.captions
        for caption in captions
        for word in caption.split()
    }
    assert all(word.isalpha() and word.islower() for word in words)
    assert set(COLORS) | set(SHAPES) | set(SIZES) <= words
    assert {"left", "right", "above", "below", "an"} <= words
    assert len(words) < 40


def test_articles():
    text = " ".join(itertools.chain(*SCENES.captions))
    assert "an orange" in text
    assert "a small orange" in text
    assert "a orange" not in text
    assert "an small" not in text


def test_names_and_drawings_agree():
    assert tuple(COLORS) == COLOR_NAMES
    assert tuple(SHAPES) == SHAPE_NAMES


def test_arrays():
    assert len(SCENES) == 150
    assert SCENES.images.shape == (150, 64, 64, 3)
    assert SCENES.images.dtype == np.uint8
    counts = [len(objects) for objects in SCENES.objects]
    assert set(counts) == {1, 2}
    assert counts.count(2) > 100


def test_masks_boxes_and_colours():
    for picture, objects in zip(SCENES.images, SCENES.objects, strict=True):
        assert not np.logical_and.reduce([o.mask for o in objects]).any() or (
            len(objects) == 1
        )
        for one in objects:
            x1, y1, x2, y2 = one.box
            rows, columns = np.nonzero(one.mask)
            assert (x1, y1) == (columns.min(), rows.min())
            assert (x2, y2) == (columns.max() + 1, rows.max() + 1)
            seen = np.median(picture[one.mask], axis=0)
            nearest = min(
                COLORS, key=lambda name: abs(seen - COLORS[name]).sum()
            )
            assert nearest == one.color
        ground = picture[~np.any([o.mask for o in objects], axis=0)]
        assert ground.min() > 150


def test_large_is_larger_than_small():
    sides = {"small": [], "large": []}
    for one in itertools.chain(*SCENES.objects):
        sides[one.size].append(one.box[2] - one.box[0])
    assert max(sides["small"]) < min(sides["large"])


def test_a_scene_depends_on_its_seed_and_number_alone():
    few = draw_scenes(5, seed=3)
    np.testing.assert_array_equal(few.images, SCENES.images[:5])
    assert few.captions == SCENES.captions[:5]
    assert few.objects == SCENES.objects[:5]
    other = draw_scenes(5, seed=4)
    assert (other.images != few.images).any()
    assert other.captions != few.captions


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_fill_their_square(shape):
    at = (np.arange(240) - 119.5) / 100  # no point lies on an edge
    inside = SHAPES[shape](at, at[:, None])
    assert inside.shape == (240, 240)
    assert inside[119, 119]
    np.testing.assert_array_equal(inside, inside[:, ::-1])
    reach = abs(at[np.nonzero(inside)[1]]).max()
    assert 0.93 <= reach <= 1.01


def test_touched_cells():
    mask = np.zeros((8, 12), bool)
    mask[3:5, 11] = True
    one = SceneObject("square", "red", "small", (11, 3, 12, 5), mask)
    cells = one.touched_cells(2, 3).reshape(2, 3)
    np.testing.assert_array_equal(cells, [[0, 0, 1], [0, 0, 1]])
    assert one.touched_cells(8, 12).sum() == 2


def test_reading_captions():
    caption = "there is an orange star left of a large star"
    words = caption.split()
    assert find_shape_words(words) == [
        (4, "orange", "star"),
        (9, None, "star"),
    ]
    assert find_named_objects(words) == [("orange", "star"), (None, "star")]
    assert find_shape_words(["star"]) == [(0, None, "star")]
    assert find_named_objects([]) == []


@pytest.mark.parametrize(
    "caption, right",
    [
        ("a red circle and a blue star", True),
        ("a blue star above a red circle", True),
        ("a red circle", False),
        ("a red star and a blue circle", False),
        ("a red circle and a blue star and a blue star", False),
        ("a circle and a blue star", False),
        ("", False),
    ],
)
def test_caption_is_right(caption, right):
    objects = [thing("circle", "red"), thing("star", "blue")]
    assert is_correct_caption(caption.split(), objects) is right


@pytest.mark.parametrize("count, image_size", [(0, 64), (1, 31)])
def test_what_cannot_be_drawn(count, image_size):
    with pytest.raises(ValueError, match="must be at least"):
        draw_scenes(count, 0, image_size)


def test_files(tmp_path):
    path = write_scenes(tmp_path / "new", {"train": 3, "val": 2}, seed=3)
    assert path == tmp_path / "new" / "captions.json"
    images = files.read_json(path)["images"]
    assert [image["imgid"] for image in images] == [0, 1, 2, 3, 4]
    assert [image["split"] for image in images] == ["train"] * 3 + ["val"] * 2
    for index, image in enumerate(images[:3]):
        name = path.parent / image["filepath"] / image["filename"]
        with Image.open(name) as picture:
            np.testing.assert_array_equal(picture, SCENES.images[index])
        raw = [sentence["raw"] for sentence in image["sentences"]]
        assert raw == SCENES.captions[index]
        assert image["sentences"][0]["tokens"] == raw[0].split()
        assert image["objects"][0]["box"] == list(SCENES.objects[index][0].box)
    assert len(list((tmp_path / "new" / "images").iterdir())) == 5


def test_captions_are_written_last(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("imcap.data.scenes.scenes._write_picture", fail)
    with pytest.raises(OSError, match="no space left"):
        write_scenes(tmp_path, {"test": 1})
    assert not (tmp_path / "captions.json").exists()


def test_the_caption_reader_takes_them(tmp_path):
    from imcap.data.captions.reading import read_captions

    path = write_scenes(tmp_path, {"train": 2, "test": 1})
    captions = read_captions(path)
    assert captions.files == [
        "images/train_00000.png",
        "images/train_00001.png",
        "images/test_00000.png",
    ]
    assert captions.splits == ["train", "train", "test"]
    assert captions.caption_count == 15

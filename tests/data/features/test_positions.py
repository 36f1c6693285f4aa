"""Positions of locations: read from folders, or of a map's cells."""

import json

import numpy as np
import pytest

from imcap.data.features.boxes import cell_boxes, grid_vectors
from imcap.data.features.position_folder import (
    write_grid_vectors,
    write_relative_boxes,
)
from imcap.data.features.positions import NOTE, PositionReader
from imcap.data.features.store import FeatureStore
from imcap.errors import InputError

BOXES = np.array([[0, 0, 10, 25], [5, 10, 20, 50]], "float32")  # of 20 x 50
RELATIVE = BOXES / [20, 50, 20, 50]


class Sizes:
    """Every picture is 20 x 50 pixels."""

    def size(self, image_id):
        return (20, 50)


@pytest.fixture
def regions(tmp_path):
    """bu_att with picture 3, and its boxes."""
    for end in ("att", "box"):
        (tmp_path / f"bu_{end}").mkdir()
    np.savez(tmp_path / "bu_att" / "3.npz", feat=np.ones((2, 5), "float32"))
    np.save(tmp_path / "bu_box" / "3.npy", BOXES)
    return tmp_path


def store_of(folder):
    return FeatureStore.open(folder / "bu_att")


def test_folders_are_written_and_read_back(regions):
    box, relative, areas = (
        regions / name for name in ("bu_box", "relative", "areas")
    )
    assert write_relative_boxes(box, relative, Sizes()) == (1, 1)
    assert write_grid_vectors(box, areas, Sizes(), 9) == (1, 1)
    store = store_of(regions)
    boxes = PositionReader(store, "boxes", folder=relative).read(3, 2)
    np.testing.assert_allclose(boxes, RELATIVE, rtol=1e-6)
    expected = grid_vectors(RELATIVE, 9)
    for folder in (areas, relative):  # vectors, or boxes they are made of
        reader = PositionReader(store, "grid", 9, folder)
        assert reader.width == 9
        np.testing.assert_allclose(reader.read(3, 2), expected, rtol=1e-6)
    # Relative boxes need no size to become vectors.
    assert write_grid_vectors(relative, regions / "more", None, 9) == (1, 1)
    np.testing.assert_allclose(
        np.load(regions / "more" / "3.npy"), expected, rtol=1e-6
    )


def test_boxes_beside_the_features(regions):
    with pytest.raises(InputError, match=r"3\.npy: nothing says the size"):
        PositionReader(store_of(regions), "boxes").read(3, 2)
    (regions / "bu_sizes.json").write_text(json.dumps({"3": [20, 50]}))
    reader = PositionReader(store_of(regions), "boxes")
    np.testing.assert_allclose(reader.read(3, 2), RELATIVE, rtol=1e-6)


def test_regions_of_unknown_place(regions):
    (regions / "bu_box").rename(regions / "elsewhere")
    with pytest.raises(InputError, match=r"do not say where.*prepro_areas"):
        PositionReader(store_of(regions), "grid")


def test_four_cells_are_not_four_corners(tmp_path, regions):
    write_relative_boxes(regions / "bu_box", regions / "relative", Sizes())
    reader = PositionReader(store_of(regions), "grid", 4, regions / "relative")
    np.testing.assert_allclose(
        reader.read(3, 2), grid_vectors(RELATIVE, 4), rtol=1e-6
    )


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
def test_cells_of_a_map(tmp_path, shape):
    np.save(tmp_path / "all.npy", np.ones((4, *shape, 5), "float32"))
    store = FeatureStore.open(tmp_path / "all.npy")
    assert store.grid_of(2) == shape
    boxes = PositionReader(store, "boxes").read(2, 6)
    np.testing.assert_array_equal(boxes, cell_boxes(*shape))
    vectors = PositionReader(store, "grid", 25).read(2, 6)
    np.testing.assert_array_equal(vectors, grid_vectors(boxes, 25))


def test_regions_have_no_grid(tmp_path):
    np.save(tmp_path / "all.npy", np.ones((4, 6, 5), "float32"))
    store = FeatureStore.open(tmp_path / "all.npy")
    assert store.grid_of(0) is None
    with pytest.raises(InputError, match="do not say where"):
        PositionReader(store, "boxes")


def test_maps_of_different_sizes(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3, 5), "float32"))
    np.save(tmp_path / "b.npy", np.ones((2, 2, 5), "float32"))
    np.save(tmp_path / "c.npy", np.ones((6, 5), "float32"))
    reader = PositionReader(FeatureStore.open(tmp_path), "boxes")
    assert len(reader.read("a", 6)) == 6
    np.testing.assert_array_equal(reader.read("b", 4), cell_boxes(2, 2))
    with pytest.raises(InputError, match="'c' are no grid"):
        reader.read("c", 6)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (np.zeros((3, 9)), "of 3 locations for picture 3, whose .* have 2"),
        (np.zeros((2, 16)), "rows of 16 numbers, neither .* 9 cells"),
        (np.full((2, 9), np.nan), "not finite"),
        (np.zeros(9), r"not an array of \(n, P\)"),
        (b"\x93NUMPY", "damaged"),
        (b"PK\x03\x04 cut short", "damaged"),
    ],
)
def test_wrong_file(regions, content, reason):
    folder = regions / "areas"
    folder.mkdir()
    if isinstance(content, bytes):
        (folder / "3.npy").write_bytes(content)
    elif content is not None:
        np.save(folder / "3.npy", content)
    reader = PositionReader(store_of(regions), "grid", 9, folder)
    with pytest.raises(InputError, match=rf"3\.npy: .*{reason}") as caught:
        reader.read(3, 2)
    assert "\n" not in str(caught.value)


def test_wrong_folder(regions):
    store = store_of(regions)
    write_grid_vectors(regions / "bu_box", regions / "areas", Sizes(), 9)
    with pytest.raises(InputError, match=r"grids of 9 cells.*takes 16"):
        PositionReader(store, "grid", 16, regions / "areas")
    with pytest.raises(InputError, match="holds grid positions, not boxes"):
        PositionReader(store, "boxes", folder=regions / "areas")
    with pytest.raises(InputError, match="no such folder of positions"):
        PositionReader(store, "boxes", folder=regions / "absent")
    with pytest.raises(InputError, match="'box'"):
        PositionReader(store, "box")
    with pytest.raises(InputError, match="not the square"):
        PositionReader(store, "grid", 10)


def test_writing_is_continued_but_not_with_other_settings(regions):
    box, areas = regions / "bu_box", regions / "areas"
    np.save(box / "4.npy", BOXES[:1])
    (box / "5.npy").write_bytes(b"cut short")
    with pytest.raises(InputError, match=r"5\.npy: damaged"):
        write_grid_vectors(box, areas, Sizes(), 9)
    (box / "5.npy").unlink()
    (areas / "3.npy").unlink()
    assert write_grid_vectors(box, areas, Sizes(), 9) == (1, 2)
    with pytest.raises(InputError, match="other settings"):
        write_grid_vectors(box, areas, Sizes(), 9, "box")
    (areas / NOTE).unlink()
    with pytest.raises(InputError, match="other settings"):
        write_grid_vectors(box, areas, Sizes(), 9)
    with pytest.raises(InputError, match="also the folder of boxes"):
        write_relative_boxes(box, box, Sizes())
    with pytest.raises(InputError, match="no such folder of boxes"):
        write_relative_boxes(regions / "absent", areas, Sizes())
    (regions / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.npy of boxes"):
        write_relative_boxes(regions / "empty", areas, Sizes())


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        (BOXES[:, ::-1], "ends before it begins"),
        (BOXES[:, :3], "boxes of shape"),
        (BOXES * 9, "lies outside its picture"),
    ],
)
def test_boxes_that_are_none(regions, boxes, reason):
    np.save(regions / "bu_box" / "3.npy", boxes)
    with pytest.raises(InputError, match=rf"3\.npy: .*{reason}"):
        write_relative_boxes(regions / "bu_box", regions / "out", Sizes())
    assert not (regions / "out" / "3.npy").exists()


def test_boxes_are_found_by_ids_written_otherwise(tmp_path):
    for end, values in (("att", np.ones((2, 5), "float32")), ("box", RELATIVE)):
        (tmp_path / f"bu_{end}").mkdir()
        for name in ("000000000003", "Dog"):
            np.save(tmp_path / f"bu_{end}" / f"{name}.npy", values)
    store = store_of(tmp_path)
    store.match_files([3, "dog"], ["3.jpg", "Dog.jpg"])
    reader = PositionReader(store, "boxes")
    for image_id in (3, "3.0", "Dog", "dog.JPG"):
        read = reader.read(image_id, 2)
        np.testing.assert_allclose(read, RELATIVE, rtol=1e-6)


def test_boxes_of_features_that_are_named_after_files(tmp_path):
    for end, values in (("att", np.ones((2, 5), "float32")), ("box", RELATIVE)):
        (tmp_path / f"bu_{end}").mkdir()
        for name in ("dog", "cat"):
            np.save(tmp_path / f"bu_{end}" / f"{name}.npy", values)
    store = store_of(tmp_path)
    store.match_files([100, 101], ["in/dog.jpg", "in/fish.jpg"])
    reader = PositionReader(store, "boxes")
    np.testing.assert_allclose(reader.read(100, 2), RELATIVE, rtol=1e-6)
    with pytest.raises(InputError, match=r"101\.npy: no such file"):
        reader.read(101, 2)

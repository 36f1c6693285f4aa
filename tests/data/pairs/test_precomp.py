"""SCAN's precomp folders: which caption is of which row."""

import numpy as np
import pytest

from helpers.tiny_pairs import write_folder, write_split
from imcap.data.batches.pair_batches import PairBatches
from imcap.data.pairs.matching_set import MatchingSet, TokenRows
from imcap.data.pairs.precomp import open_precomp
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError


def write_ids(folder, split, ids):
    (folder / f"{split}_ids.txt").write_text("\n".join(map(str, ids)) + "\n")


def feature_of(pairs, caption):
    """The features that a caption is trained with."""
    image = pairs.image_ids[pairs.image_of[caption]]
    return pairs.store.read([image])[0][0]


def test_five_captions_a_row(tmp_path):
    features, captions = write_split(tmp_path, "test")
    pairs = open_precomp(tmp_path, "test")
    assert (len(pairs), pairs.caption_count) == (6, 30)
    assert pairs.tokens[7] == captions[7].split()
    np.testing.assert_array_equal(feature_of(pairs, 14), features[2])
    np.testing.assert_array_equal(feature_of(pairs, 15), features[3])


def test_the_array_is_not_read_into_memory(tmp_path):
    write_split(tmp_path, "test")
    source = open_precomp(tmp_path, "test").store._source
    assert isinstance(source._features, np.memmap)


def test_one_caption_a_row(tmp_path):
    features, _ = write_split(tmp_path, "test", per_image=1)
    pairs = open_precomp(tmp_path, "test")
    assert len(pairs) == pairs.caption_count == 6
    np.testing.assert_array_equal(feature_of(pairs, 5), features[5])


def test_any_number_of_captions_by_their_ids(tmp_path):
    features, _ = write_split(tmp_path, "test", images=3, per_image=3)
    write_ids(tmp_path, "test", ["x"] * 4 + ["z"] + ["y"] * 3 + ["x"])
    pairs = open_precomp(tmp_path, "test")
    assert pairs.image_of.tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 0]
    np.testing.assert_array_equal(feature_of(pairs, 4), features[1])


def test_rows_that_repeat_an_image_are_one_image(tmp_path):
    features, _ = write_split(tmp_path, "test", images=6, per_image=1)
    write_ids(tmp_path, "test", [9, 9, 9, 4, 4, 8])
    pairs = open_precomp(tmp_path, "test")
    assert pairs.image_of.tolist() == [0, 0, 0, 1, 1, 2]
    np.testing.assert_array_equal(feature_of(pairs, 5), features[5])


def test_ids_of_captions_themselves_change_nothing(tmp_path):
    write_split(tmp_path, "test")
    write_ids(tmp_path, "test", range(30))
    assert open_precomp(tmp_path, "test").image_of[14] == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_are_no_part_of_captions_and_ids(tmp_path, encoding):
    write_split(tmp_path, "test", images=3, per_image=1)
    write_ids(tmp_path, "test", ["7", "8", "8"])
    expected = open_precomp(tmp_path, "test")
    for path in tmp_path.glob("*.txt"):
        path.write_text(path.read_text(), encoding=encoding)
    pairs = open_precomp(tmp_path, "test")
    assert pairs.tokens == expected.tokens
    assert pairs.image_ids == expected.image_ids


def test_of_dev_5000_captions_count(tmp_path):
    write_split(tmp_path, "dev", images=1002, regions=1, channels=2)
    pairs = open_precomp(tmp_path, "dev")
    assert (len(pairs), pairs.caption_count) == (1000, 5000)


def lines_missing(folder):
    (folder / "test_caps.txt").write_text("a dog\na cat\n")
    return "6 rows do not match 2 captions"


def line_empty(folder):
    path = folder / "test_caps.txt"
    path.write_text(path.read_text().replace("\n", "\n\n", 1))
    return "line 2 is empty"


def captions_absent(folder):
    (folder / "test_caps.txt").unlink()
    return "no such file"


def array_cut_short(folder):
    path = folder / "test_ims.npy"
    path.write_bytes(path.read_bytes()[:-40])
    return "not a whole .npy"


def ids_wrong(folder):
    write_ids(folder, "test", range(7))
    return "7 ids for 30 captions of 6 rows"


@pytest.mark.parametrize(
    "damage",
    [lines_missing, line_empty, captions_absent, array_cut_short, ids_wrong],
)
def test_one_line_for_damage(tmp_path, damage):
    write_split(tmp_path, "test")
    reason = damage(tmp_path)
    with pytest.raises(InputError, match=reason) as caught:
        open_precomp(tmp_path, "test")
    assert "\n" not in str(caught.value)
    assert "test_" in str(caught.value)


def test_nan_features_are_named(tmp_path):
    features, _ = write_split(tmp_path, "test")
    features[4, 1, 2] = np.nan
    np.save(tmp_path / "test_ims.npy", features)
    pairs = open_precomp(tmp_path, "test")
    pairs.store.read([3])
    with pytest.raises(InputError, match="row 4: a value is not finite"):
        pairs.store.read([3, 4])


def test_owners_out_of_range(tmp_path):
    write_split(tmp_path, "test", images=2, per_image=1)
    store = open_precomp(tmp_path, "test").store
    with pytest.raises(InputError, match="caption 2 is of image 2"):
        MatchingSet("here", store, [0, 1], [0, 2], [["a"], ["b"]])
    with pytest.raises(InputError, match="image 1 has no caption"):
        MatchingSet("here", store, [0, 1], [0, 0], [["a"], ["b"]])
    with pytest.raises(InputError, match="no features of image 7"):
        MatchingSet("here", store, [0, 7], [0, 1], [["a"], ["b"]])


def test_a_part_keeps_pairs_together(tmp_path):
    features, captions = write_split(tmp_path, "testall")
    part = open_precomp(tmp_path, "testall").part(2, 4)
    assert (len(part), part.caption_count) == (2, 10)
    assert part.tokens[0] == captions[10].split()
    np.testing.assert_array_equal(feature_of(part, 7), features[3])


@pytest.fixture
def batches(tmp_path):
    pairs = open_precomp(write_folder(tmp_path), "train")
    vocabulary = Vocabulary.build(pairs.tokens, 1, "scan")

    def read(ids):
        return {"features": pairs.store.read(ids)[0]}

    return PairBatches(pairs, pairs.encode(vocabulary), read, 16, seed=3)


def test_rows_of_tokens(batches):
    rows = batches.captions
    assert rows.pad_id == 0 and len(rows) == 60
    dense = rows.dense([4, 9], pad_to=8)
    assert dense.shape[1] % 8 == 0
    for row, caption in zip(dense, (4, 9), strict=True):
        length = len(batches.pairs.tokens[caption])
        # <start> is 1, <end> is 2, and both count as words.
        assert row[0] == 1 and row[length + 1] == 2
        assert not row[length + 2 :].any() and row[: length + 2].all()
        assert rows.lengths[caption] == length + 2
    assert TokenRows.encode([], Vocabulary.build([], 1, "scan")).dense(
        []
    ).shape == (0, 1)


def test_every_caption_once_an_epoch_with_its_image(batches):
    assert batches.steps == 4
    seen = []
    for step in range(4, 8):
        inputs, images = batches.batch(step)
        for number, image in enumerate(images):
            row = inputs["tokens"][number]
            seen.append(tuple(row[row > 0]))
            expected = batches.pairs.store.read([image])[0][0]
            found = inputs["features"][number]
            np.testing.assert_array_equal(found, expected)
    rows = batches.captions
    everything = [tuple(row[row > 0]) for row in rows.dense(range(60))]
    assert sorted(seen) == sorted(everything)


def test_batches_depend_on_seed_and_step_only(batches):
    inputs, images = batches.batch(5)
    again, _ = batches.batch(5)
    np.testing.assert_array_equal(inputs["tokens"], again["tokens"])
    _, others = batches.batch(1)
    assert images.tolist() != others.tolist()


def test_dataset_goes_on_in_the_middle(batches):
    found = list(batches.dataset(3, 6).as_numpy_iterator())
    assert len(found) == 3
    for step, (inputs, images) in zip(range(3, 6), found, strict=True):
        expected, owners = batches.batch(step)
        np.testing.assert_array_equal(inputs["tokens"], expected["tokens"])
        np.testing.assert_array_equal(images, owners)

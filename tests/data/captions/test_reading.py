"""Every caption format, every split rule, and every broken file."""

import h5py
import numpy as np
import pytest

from helpers.caption_files import TOKENS, coco, karpathy, write
from helpers.places import SHARED
from imcap.data.captions import formats
from imcap.data.captions.assembly import hash_splits
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.cocotalk import write_cocotalk
from imcap.data.captions.reading import read_captions
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

FLICKR = SHARED / "data/flickr8k"


def test_karpathy(tmp_path):
    captions = read_captions(write(tmp_path / "dataset.json", karpathy()))
    assert captions.image_ids == [100, 101, 102]
    assert captions.files[0] == "val2014/dog.jpg"
    assert captions.splits == ["train", "restval", "test"]
    assert captions.tokens[0] == [["a", "dog"], ["dog"]]
    assert captions.raw[0] == ["A dog.", "dog"]
    assert captions.sizes is None
    assert captions.notes == ()
    assert captions.caption_count == 6


def test_karpathy_without_cocoid_and_without_tokens(tmp_path):
    values = karpathy(sentences=[{"raw": "Two T-shirts!"}])
    for image in values["images"]:
        del image["cocoid"], image["filepath"]
    captions = read_captions(write(tmp_path / "d.json", values))
    assert captions.image_ids == [0, 1, 2]
    assert captions.files[0] == "dog.jpg"
    assert captions.tokens[0] == [["two", "t", "shirts"]]


def test_coco(tmp_path):
    path = write(tmp_path / "captions_val2014.json", coco())
    captions = read_captions(path, split="val")
    assert captions.image_ids == [0, 1, 2, 3]
    assert captions.splits == ["val"] * 4
    assert captions.raw[2] == ["Dog 0.", "Dog 1."]
    assert captions.tokens[2] == [["dog", "0"], ["dog", "1"]]
    assert captions.sizes == [(3, 5)] * 4


def test_coco_raw(tmp_path):
    values = [
        {"file_path": "train2014/a.jpg", "id": 7, "captions": ["A dog."]},
        {"file_path": "val2014/b.jpg", "id": 8, "captions": ["Cat", "Cats"]},
    ]
    path = write(tmp_path / "coco_raw.json", values)
    captions = read_captions(path, num_test=1)
    assert captions.image_ids == [7, 8]
    assert captions.tokens == [[["a", "dog"]], [["cat"], ["cats"]]]
    assert sorted(captions.splits) == ["test", "train"]


def test_flickr_with_lists_beside_it(tmp_path):
    for name, image in (("train", "a"), ("dev", "b"), ("test", "c")):
        write(tmp_path / f"Flickr_8k.{name}Images.txt", f"{image}.jpg\n")
    extra = TOKENS + "d.jpg#0\tIn no list\n"
    captions = read_captions(write(tmp_path / "Flickr8k.token.txt", extra))
    assert captions.image_ids == ["a", "b", "c"]
    assert captions.splits == ["train", "val", "test"]
    assert captions.raw[0] == ["A dog .", "Dogs"]
    assert captions.notes == ("1 images left out: in no split list",)


def test_split_lists_passed_win_over_the_file(tmp_path):
    lists = [
        write(tmp_path / "coco_test.txt", "dog.jpg\n"),
        write(tmp_path / "coco_restval.txt", "102\n"),
    ]
    path = write(tmp_path / "dataset.json", karpathy())
    captions = read_captions(path, split_files=lists)
    assert captions.image_ids == [100, 102]
    assert captions.splits == ["test", "restval"]


@pytest.mark.parametrize(
    "text",
    [
        "image,caption,split\n"
        'x/a.jpg,"A dog, running",train\nb.jpg,Cat,validation\n'
        "x/a.jpg,Dogs,train\n",
        "split;file_name;comment\n"
        "train;x/a.jpg;A dog, running\nval;b.jpg;Cat\ntrain;x/a.jpg;Dogs\n",
        '{"image": "x/a.jpg", "caption": "A dog, running", "split": "train"}\n'
        '{"image": "b.jpg", "caption": "Cat", "split": "dev"}\n\n'
        '{"image": "x/a.jpg", "caption": "Dogs", "split": "train"}',
    ],
)
def test_tables(text, tmp_path):
    captions = read_captions(write(tmp_path / "mine.data", text))
    assert captions.image_ids == ["a", "b"]
    assert captions.files == ["x/a.jpg", "b.jpg"]
    assert captions.splits == ["train", "val"]
    assert captions.tokens == [[["a", "dog", "running"], ["dogs"]], [["cat"]]]


def test_table_with_ids_byte_order_mark_and_odd_line_ends(tmp_path):
    text = "\ufeffid,image,caption\r\n7,a.jpg,A\u2028dog\r\nx,b.jpg,A cat\r\n"
    path = write(tmp_path / "mine.csv", text)
    captions = read_captions(path, split="test")
    assert captions.image_ids == [7, "x"]
    assert captions.tokens[0] == [["a", "dog"]]


def test_hashed_splits_depend_on_the_id_alone():
    ids = list(range(3000))
    splits = dict(zip(ids, hash_splits(ids), strict=True))
    fewer = ids[::-7]
    assert hash_splits(fewer) == [splits[key] for key in fewer]
    counts = [list(splits.values()).count(n) for n in ("train", "val", "test")]
    np.testing.assert_allclose(counts, [2400, 300, 300], atol=60)


def test_hashed_splits_of_given_sizes():
    splits = hash_splits(range(50), num_val=7, num_test=11)
    assert [splits.count(n) for n in ("train", "val", "test")] == [32, 7, 11]
    again = hash_splits(range(49, -1, -1), num_val=7, num_test=11)
    assert again[::-1] == splits
    with pytest.raises(InputError, match="num_val"):
        hash_splits(range(50), num_val=25, num_test=25)


def test_split_and_filter_keep_rows_together(tmp_path):
    captions = read_captions(write(tmp_path / "d.json", karpathy()))
    training = captions.split("train", "restval")
    assert training.image_ids == [100, 101]
    assert captions.split("train").image_ids == [100]
    last = captions.filter([102, 999])
    assert (last.files, last.tokens) == (
        ["val2014/cow.jpg"],
        [[["a", "cow"], ["cow"]]],
    )
    assert last.raw == [["A cow.", "cow"]]
    with pytest.raises(ValueError, match="unknown split 'dev'"):
        captions.split("dev")


def test_encode():
    captions = CaptionSet(
        [5, 3],
        ["a", "b"],
        ["train", "val"],
        [[["a", "dog", "runs"], ["zebra"]], [["dog"] * 7]],
    )
    vocabulary = Vocabulary.build([["a", "dog", "runs"]], 0)
    encoded = captions.encode(vocabulary, 5)
    assert len(encoded) == 2
    assert [c.tolist() for c in encoded.captions[0]] == [[1, 2, 3], [4]]
    assert encoded.captions[0][0].dtype == np.int32
    assert encoded.lengths().tolist() == [3, 1, 5]
    assert encoded.starts().tolist() == [0, 2, 3]
    expected = [[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [2, 2, 2, 2, 2]]
    assert encoded.dense().tolist() == expected
    assert encoded.dense(2).tolist() == [[1, 2], [4, 0], [2, 2]]
    by_image = encoded.dense_by_image(3)
    assert by_image.shape == (2, 3, 5)
    assert by_image[0].tolist() == [expected[0], expected[1], expected[0]]
    assert captions.encode(vocabulary, None).lengths().tolist() == [3, 1, 7]


def test_empty_captions_and_bare_training_images_are_counted(tmp_path):
    values = karpathy(sentences=[{"tokens": [], "raw": ""}])
    values["images"][1]["sentences"][0]["tokens"] = []
    captions = read_captions(write(tmp_path / "d.json", values))
    assert captions.image_ids == [101, 102]
    assert captions.raw[0] == ["cat"]
    assert captions.notes == (
        "2 empty captions left out (first: of image 100)",
        "1 training images left out: no captions (first: 100)",
    )


def test_images_nobody_split_may_lack_captions(tmp_path):
    values = coco(30)
    values["annotations"] = values["annotations"][1:30]
    captions = read_captions(write(tmp_path / "c.json", values))
    assert captions.image_ids == list(range(1, 30))
    left_out, drawn = captions.notes
    assert left_out == "1 images left out: no captions (first: 0)"
    assert "drawn by id: 24 for train, 2 for val, 3 for test" in drawn


def test_listed_training_images_without_captions_are_counted(tmp_path):
    lists = [write(tmp_path / "train.txt", "a.jpg\nz.jpg\n")]
    path = write(tmp_path / "tokens.txt", TOKENS)
    captions = read_captions(path, split_files=lists)
    assert captions.notes[0] == (
        "1 listed training images left out: no captions (first: z.jpg)"
    )


@pytest.mark.skipif(
    not FLICKR.exists(), reason="../shared/data/flickr8k is absent"
)
def test_real_flickr8k():
    captions = read_captions(FLICKR / "dataset_flickr8k.json")
    assert (len(captions), captions.caption_count) == (8000, 40_000)
    sizes = {name: len(captions.split(name)) for name in set(captions.splits)}
    assert sizes == {"train": 6000, "val": 1000, "test": 1000}
    assert captions.notes == ()


def test_json_and_labels_are_read_once(tmp_path, monkeypatch):
    words = Vocabulary.build([["a", "dog"]], 0)
    captions = CaptionSet([7], ["a.jpg"], ["val"], [[["a", "dog"]]])
    paths = tmp_path / "cocotalk.json", tmp_path / "cocotalk_label.h5"
    write_cocotalk(captions, words, *paths)
    parsed, opened = [], []
    parse_json, open_h5 = formats.parse_json, h5py.File

    def spy_json(path, text, remedy):
        parsed.append(path)
        return parse_json(path, text, remedy)

    def spy_h5(path):
        opened.append(path)
        return open_h5(path)

    monkeypatch.setattr(formats, "parse_json", spy_json)
    monkeypatch.setattr("imcap.data.captions.cocotalk.h5py.File", spy_h5)
    again = read_captions(paths[0])
    assert again.vocabulary == words and again.tokens == captions.tokens
    assert (*parsed, *opened) == paths


def test_names_from_windows_have_the_ids_of_their_files(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text("image,caption\nval\\a.jpg,a dog\nval/b.jpg,a cat\n")
    captions = read_captions(path)
    assert captions.image_ids == ["a", "b"]

"""cocotalk.json and its label file: layout, round trip, damage."""

import json

import h5py
import numpy as np
import pytest

from helpers.places import SHARED
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.cocotalk import write_cocotalk
from imcap.data.captions.reading import read_captions
from imcap.data.words.dialects import DIALECTS
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

FLICKR = SHARED / "data/flickr8k"


def captions_of_five():
    """Five images with 1 to 3 captions of growing length."""
    words = ["a", "dog", "and", "two", "cats", "run"]
    tokens = [
        [words[: 1 + image + place] for place in range(1 + image % 3)]
        for image in range(5)
    ]
    return CaptionSet(
        [11, 7, 5, 3, 2],
        [f"x/{index}.jpg" for index in range(5)],
        ["train", "restval", "val", "test", "train"],
        tokens,
        sizes=[(2, 3), (5, 7), (11, 13), (17, 19), (23, 29)],
    )


def vocabulary_of(captions, dialect="talk"):
    keeps_equal = DIALECTS[dialect].keeps_equal
    flat = [words for image in captions.tokens for words in image]
    return Vocabulary.build(flat, 2 if keeps_equal else 1, dialect)


def expected_tokens(captions, vocabulary, room):
    """The words as label rows can hold them."""
    unknown = vocabulary.words[vocabulary.unk_id]
    known = set(vocabulary.words)
    return [
        [[w if w in known else unknown for w in c[:room]] for c in image]
        for image in captions.tokens
    ]


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "cocotalk.json", tmp_path / "cocotalk_label.h5"


def test_layout(paths):
    captions = captions_of_five()
    vocabulary = vocabulary_of(captions)
    write_cocotalk(captions, vocabulary, *paths, max_length=4)
    values = json.loads(paths[0].read_text())
    assert set(values) == {"ix_to_word", "images"}
    assert values["ix_to_word"]["1"] == "a"
    assert values["ix_to_word"][str(vocabulary.size - 1)] == "UNK"
    assert values["images"][1] == {
        "split": "restval",
        "file_path": "x/1.jpg",
        "id": 7,
        "width": 5,
        "height": 7,
    }
    with h5py.File(paths[1]) as file:
        assert {file[name].dtype for name in file} == {np.dtype("uint32")}
        assert file["labels"].shape == (9, 4)
        assert file["label_start_ix"][()].tolist() == [1, 2, 4, 7, 8]
        assert file["label_end_ix"][()].tolist() == [1, 3, 6, 7, 9]
        assert file["label_length"][()].tolist() == [1, 2, 3, 3, 4, 4, 4, 4, 4]
        assert file["labels"][1].tolist() == [1, 2, 0, 0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_caption_comes_back(dialect, paths):
    captions = captions_of_five()
    vocabulary = vocabulary_of(captions, dialect)
    write_cocotalk(captions, vocabulary, *paths, max_length=5)
    again = read_captions(*paths)
    assert again.vocabulary == vocabulary
    assert again.vocabulary.fingerprint == vocabulary.fingerprint
    assert again.image_ids == captions.image_ids
    assert again.files == captions.files
    assert again.splits == captions.splits
    assert again.sizes == captions.sizes
    room = 3 if dialect == "sat_keras" else 5
    assert again.tokens == expected_tokens(captions, vocabulary, room)


def test_sat_keras_rows_hold_start_and_eos(paths):
    captions = captions_of_five()
    vocabulary = vocabulary_of(captions, "sat_keras")
    write_cocotalk(captions, vocabulary, *paths, max_length=5)
    with h5py.File(paths[1]) as file:
        labels, lengths = file["labels"][()], file["label_length"][()]
    assert (labels[:, 0] == vocabulary.bos_id).all()
    last = labels[np.arange(len(labels)), lengths - 1]
    assert (last == vocabulary.eos_id).all()


def test_splits_are_disjoint_and_rows_belong_to_ids(paths):
    """The words of each image name it, so a shifted row cannot hide."""
    ids = [int(i) for i in np.random.default_rng(0).permutation(60)]
    captions = CaptionSet(
        ids,
        [f"{key}.jpg" for key in ids],
        [("train", "val", "test", "restval")[key % 4] for key in ids],
        [[["image", f"n{key}"]] * (1 + key % 5) for key in ids],
    )
    tokens = [words for image in captions.tokens for words in image]
    vocabulary = Vocabulary.build(tokens, 0)
    write_cocotalk(captions, vocabulary, *paths)
    again = read_captions(*paths)
    seen = set()
    for name in ("train", "restval", "val", "test"):
        part = again.split(name)
        assert not seen & set(part.image_ids)
        seen |= set(part.image_ids)
        encoded = part.encode(vocabulary, 16)
        for key, image in zip(part.image_ids, encoded.captions, strict=True):
            assert len(image) == 1 + key % 5
            for row in image:
                assert vocabulary.sentence(row) == f"image n{key}"
    assert seen == set(ids)


@pytest.mark.skipif(
    not FLICKR.exists(), reason="../shared/data/flickr8k is absent"
)
def test_real_flickr8k_comes_back(paths):
    captions = read_captions(FLICKR / "dataset_flickr8k.json")
    vocabulary = Vocabulary.build(
        words
        for image in captions.split("train", "restval").tokens
        for words in image
    )
    write_cocotalk(captions, vocabulary, *paths)
    again = read_captions(*paths)
    assert again.vocabulary == vocabulary
    assert again.image_ids == captions.image_ids
    assert again.files == captions.files
    assert again.splits == captions.splits
    assert again.tokens == expected_tokens(captions, vocabulary, 16)
    parts = [set(again.split(n).image_ids) for n in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 8000


def test_read_captions_finds_the_label_file(paths):
    captions = captions_of_five()
    write_cocotalk(captions, vocabulary_of(captions), *paths)
    assert read_captions(paths[0]).image_ids == captions.image_ids
    moved = paths[1].rename(paths[1].with_name("other_label.h5"))
    assert len(read_captions(paths[0])) == 5
    moved.rename(paths[1].with_name("elsewhere.h5"))
    with pytest.raises(InputError, match=r"which \*_label.h5 belongs to it"):
        read_captions(paths[0])
    elsewhere = paths[1].with_name("elsewhere.h5")
    assert len(read_captions(paths[0], h5_path=elsewhere)) == 5


def test_pictures_are_stored_channels_first_and_bad_ones_left_out(paths):
    captions = captions_of_five()

    def pixels(key, file):
        if key == 7:
            raise InputError(f"{file}: damaged")
        picture = np.zeros((256, 256, 3), "uint8")
        picture[3, 5] = key, 100 + key, 200 + key
        return picture

    vocabulary = vocabulary_of(captions)
    kept, bad = write_cocotalk(captions, vocabulary, *paths, pixels=pixels)
    assert kept.image_ids == [11, 5, 3, 2]
    assert bad == [{"id": 7, "file": "x/1.jpg", "reason": "x/1.jpg: damaged"}]
    again = read_captions(*paths)
    assert again.image_ids == [11, 5, 3, 2]
    assert again.tokens[1] == expected_tokens(captions, vocabulary, 16)[2]
    with h5py.File(paths[1]) as file:
        images = file["images"]
        assert images.shape == (4, 3, 256, 256)
        assert images.dtype == np.uint8
        for row, key in enumerate(again.image_ids):
            spot = images[row, :, 3, 5].tolist()
            assert spot == [key, 100 + key, 200 + key]


def test_nothing_is_left_behind_after_a_failure(paths, tmp_path):
    captions = captions_of_five()

    def broken(key, file):
        raise InputError(f"{file}: damaged")

    def interrupted(key, file):
        raise KeyboardInterrupt

    vocabulary = vocabulary_of(captions)
    with pytest.raises(InputError, match="no picture can be read"):
        write_cocotalk(captions, vocabulary, *paths, pixels=broken)
    with pytest.raises(KeyboardInterrupt):
        write_cocotalk(captions, vocabulary, *paths, pixels=interrupted)
    with pytest.raises(InputError, match="no room for words"):
        write_cocotalk(captions, vocabulary, *paths, max_length=0)
    assert list(tmp_path.iterdir()) == []


def test_full_disk(paths, tmp_path):
    resource = pytest.importorskip("resource")
    captions = captions_of_five()
    vocabulary = vocabulary_of(captions)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_cocotalk(captions, vocabulary, *paths, max_length=100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def change(name, edit):
    def damage(json_path, h5_path):
        with h5py.File(h5_path, "r+") as file:
            values = edit(file[name][()])
            del file[name]
            if values is not None:
                file[name] = values

    return damage


def put(row, value):
    def edit(values):
        values[row] = value
        return values

    return edit


def edit_json(edit):
    def damage(json_path, h5_path):
        values = json.loads(json_path.read_text())
        edit(values)
        json_path.write_text(json.dumps(values))

    return damage


def cut_short(json_path, h5_path):
    h5_path.write_bytes(h5_path.read_bytes()[:1500])


def remove(json_path, h5_path):
    h5_path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_short, "label.h5: not a whole HDF5 file"),
        (remove, "label.h5: no such file"),
        (change("labels", lambda v: None), "'labels' is missing"),
        (change("labels", put((2, 1), 99)), "row 2 .* beyond the 7 words"),
        (change("labels", lambda v: v[1:]), "9 lengths for labels of shape"),
        (change("label_length", put(3, 2)), "row 3 of labels is not as long"),
        (change("label_end_ix", put(4, 10)), "image 4 has the caption rows"),
        (change("label_start_ix", put(2, 3)), "image 2 has the caption rows"),
        (change("label_start_ix", put(0, 0)), "image 0 has the caption rows"),
        (change("label_start_ix", lambda v: v[1:]), "captions of 4 images"),
        (edit_json(lambda v: v["images"].pop()), "but the JSON lists 4"),
        (edit_json(lambda v: v["ix_to_word"].pop("2")), "without gaps"),
        (edit_json(lambda v: v.pop("images")), "'images' is missing"),
        (
            edit_json(lambda v: v["images"][1].pop("id")),
            r"images\[1\]: 'id' is missing",
        ),
        (
            edit_json(lambda v: v["images"][1].update(id=11)),
            "image id 11 appears twice",
        ),
    ],
)
def test_damaged_files(damage, message, paths):
    captions = captions_of_five()
    write_cocotalk(captions, vocabulary_of(captions), *paths)
    damage(*paths)
    with pytest.raises(InputError, match=message):
        read_captions(*paths)

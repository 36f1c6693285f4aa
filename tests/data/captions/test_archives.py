"""Captions in folders, workbooks, Parquet, tar and TFRecord files."""

import gzip
import json

import pytest

from helpers.archives import feature, parquet, records, saved_dataset, tar
from helpers.caption_files import write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

ROWS = [
    {"image": "a.jpg", "caption": "A dog", "split": "train"},
    {"image": "a.jpg", "caption": "Dogs", "split": "train"},
    {"image": "b.jpg", "caption": "A cat", "split": "val"},
]
RAW = [["A dog", "Dogs"], ["A cat"]]
BYTES = b"\xff\xd8\xff\x00 no real picture"


def put(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(path, text)


def test_texts_beside_pictures(tmp_path):
    for name, text in (("a", "A dog\n\nDogs\n"), ("b", "\ufeffA cat")):
        put(tmp_path / f"x/{name}.txt", text)
        put(tmp_path / f"x/{name}.JPG")
    put(tmp_path / "alone.png")
    put(tmp_path / "readme.txt", "no caption")
    captions = read_captions(tmp_path)
    assert captions.files == ["x/a.JPG", "x/b.JPG"]
    assert (captions.image_ids, captions.raw) == (["a", "b"], RAW)
    notes = sorted(note[:28] for note in captions.notes)
    assert notes == [
        "1 pictures without a text le", "1 texts without a picture le",
        "the file has no splits; draw",
    ]  # fmt: skip


def test_texts_beside_pictures_in_folders_of_splits(tmp_path):
    for split in ("train", "valid"):
        put(tmp_path / split / "1.txt", f"a {split} dog")
        put(tmp_path / split / "1.png")
    captions = read_captions(tmp_path)
    assert captions.splits == ["train", "val"]
    assert (
        captions.image_ids == captions.files == ["train/1.png", "valid/1.png"]
    )


def test_a_folder_without_captions_says_what_it_holds(tmp_path):
    put(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"it holds '.jpg', and due are photo"):
        read_captions(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "file_name,text\na.jpg,A dog\na.jpg,Dogs\n"),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": ["A dog", "Dogs"]}'),
    ],
)
def test_image_folders(name, text, tmp_path):
    put(tmp_path / "train" / name, text)
    put(tmp_path / "test" / name, text.replace("a.jpg", "b.jpg"))
    captions = read_captions(tmp_path)
    assert captions.files == ["test/b.jpg", "train/a.jpg"]
    assert captions.splits == ["test", "train"]
    assert captions.raw == [RAW[0], RAW[0]]
    alone = read_captions(tmp_path / "train")
    assert (alone.files, alone.raw) == (["a.jpg"], [RAW[0]])


def workbook(path, rows, first=()):
    openpyxl = pytest.importorskip("openpyxl", reason="imcap[excel] is absent")
    book = openpyxl.Workbook()
    for row in first:
        book.active.append(row)
    sheet = book.create_sheet("captions")
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def test_a_workbook(tmp_path):
    rows = [
        ["Image", "Caption", "Image ID"],
        ["a.jpg", "A dog", 7], ["a.jpg", "Dogs", 7.0], ["b.jpg", "A\tcat", 8],
    ]  # fmt: skip
    path = workbook(tmp_path / "c.xlsx", rows, [["some", "notes"]])
    captions = read_captions(path)
    assert (captions.image_ids, captions.files) == ([7, 8], ["a.jpg", "b.jpg"])
    assert captions.raw == RAW
    bad = workbook(tmp_path / "d.xlsx", [["foo", "bar"], [1, 2]])
    with pytest.raises(
        InputError, match=r"no sheet with captions.*'foo', 'bar'"
    ):
        read_captions(bad)


def test_a_workbook_that_is_damaged_or_old(tmp_path):
    path = workbook(tmp_path / "c.xlsx", [["image", "caption"], ["a.jpg", "A"]])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"c\.xlsx"):
        read_captions(path)
    old = tmp_path / "c.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(InputError, match=r"save it as \.xlsx or as CSV"):
        read_captions(old)


def test_parquet_of_rows(tmp_path):
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    captions = read_captions(parquet(tmp_path / "c.parquet", columns))
    assert (captions.files, captions.raw) == (["a.jpg", "b.jpg"], RAW)
    assert captions.splits == ["train", "val"]


def test_parquet_with_pictures_in_it(tmp_path):
    images = [
        {"bytes": BYTES, "path": "a.jpg"}, {"bytes": BYTES, "path": "b.jpg"},
    ]  # fmt: skip
    parquet(
        tmp_path / "data/train-00000-of-00001.parquet",
        {"image": images[:1], "caption": [RAW[0]], "img_id": [7]},
    )
    parquet(
        tmp_path / "data/validation-00000-of-00001.parquet",
        {"image": images[1:], "caption": [RAW[1]], "img_id": [8]},
    )
    captions = read_captions(tmp_path)
    assert captions.image_ids == [7, 8]
    assert (captions.files, captions.raw) == (["a.jpg", "b.jpg"], RAW)
    assert captions.splits == ["train", "val"]


@pytest.mark.parametrize(
    "images", [[BYTES, BYTES], [{"bytes": BYTES, "path": None}] * 2]
)
def test_parquet_with_pictures_without_names(images, tmp_path):
    columns = {"image": images, "text": ["A dog", "A cat"]}
    captions = read_captions(parquet(tmp_path / "c.parquet", columns))
    assert captions.files == ["c.parquet/0", "c.parquet/1"]
    assert captions.raw == [["A dog"], ["A cat"]]


def test_parquet_that_cannot_be_used(tmp_path):
    path = parquet(tmp_path / "c.parquet", {"foo": [1], "bar": ["a"]})
    with pytest.raises(InputError, match="its columns are 'foo', 'bar'"):
        read_captions(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=r"c\.parquet: cannot be read"):
        read_captions(path)


def test_saved_datasets(tmp_path):
    splits = {"train": RAW[0], "test": RAW[1]}
    for split, texts in splits.items():
        image = {"bytes": BYTES, "path": f"{split}.jpg"}
        saved_dataset(tmp_path / split, {"image": [image], "captions": [texts]})
    write(tmp_path / "dataset_dict.json", {"splits": list(splits)})
    captions = read_captions(tmp_path)
    assert captions.files == ["train.jpg", "test.jpg"]
    assert (captions.splits, captions.raw) == (["train", "test"], RAW)
    assert read_captions(tmp_path / "test").raw == RAW[1:]
    (tmp_path / "test/data-00000-of-00001.arrow").write_bytes(b"no")
    with pytest.raises(InputError, match=r"arrow: cannot be read"):
        read_captions(tmp_path)


SAMPLES = {
    "a.jpg": BYTES, "a.txt": "A dog\nDogs\n", "a.cls": "3",
    "b.png": BYTES, "b.json": json.dumps({"caption": "A cat", "key": "b"}),
    "c.txt": "No picture",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "mode"), [("s.tar", "w"), ("s.tar.gz", "w:gz")]
)
def test_a_tar_file(name, mode, tmp_path):
    captions = read_captions(tar(tmp_path / name, SAMPLES, mode))
    assert captions.image_ids == ["a", "b"]
    assert captions.files == [f"{name}/a.jpg", f"{name}/b.png"]
    assert captions.raw == RAW
    assert captions.notes[0].startswith("1 texts without a picture left out")


def test_shards(tmp_path):
    tar(tmp_path / "train-000.tar", {"1.webp": BYTES, "1.txt": "A dog"})
    tar(tmp_path / "val-000.tar", {"1.webp": BYTES, "1.txt": "A cat"})
    captions = read_captions(tmp_path)
    assert captions.splits == ["train", "val"]
    assert captions.files == ["train-000.tar/1.webp", "val-000.tar/1.webp"]
    assert captions.image_ids == captions.files


@pytest.mark.parametrize(
    ("members", "why"),
    [
        (
            {"a.jpg": BYTES, "a.txt": b"\x81 caf\xe9"},
            r"no image with captions .* no UTF-8 left out.*a\.txt",
        ),
        ({"a.jpg": BYTES, "a.json": b'"caf\xe9"'}, r"a\.json is no UTF-8"),
        ({"a.jpg": BYTES, "a.json": "{"}, r"a\.json: not valid JSON"),
        ({"a.jpg": BYTES, "a.json": '{"caption": 3}'}, "a: 'caption' has the"),
        ({"a.jpg": BYTES, "a.cls": "3"}, "no image with captions"),
    ],
)
def test_tar_files_that_cannot_be_used(members, why, tmp_path):
    path = tar(tmp_path / "s.tar", members)
    with pytest.raises(InputError, match=why) as caught:
        read_captions(path)
    assert str(caught.value).startswith(str(path))


def test_a_tar_file_cut_short(tmp_path):
    path = tar(tmp_path / "s.tar", SAMPLES)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match=r"s\.tar: cannot be read as a tar"):
        read_captions(path)


@pytest.mark.parametrize(
    ("image", "image_id", "caption"),
    [
        ("image/filename", "image/image_id", "image/caption"),
        ("image/filename", "image/id", "captions/text"),
        ("filename", "image_id", "caption"),
    ],
)
def test_tfrecords(image, image_id, caption, tmp_path):
    examples = [
        {"image": [BYTES], image: ["a.jpg"], image_id: [7], caption: RAW[0]},
        {"image": [BYTES], image: ["b.jpg"], image_id: [8], caption: RAW[1]},
    ]
    path = records(tmp_path / "x.tfrecord-00000-of-00001", examples)
    captions = read_captions(path)
    assert captions.image_ids == [7, 8]
    assert (captions.files, captions.raw) == (["a.jpg", "b.jpg"], RAW)
    packed = tmp_path / "x.tfrecord.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_captions(packed).raw == RAW


def test_tfrecords_of_words(tmp_path):
    import tensorflow as tf

    words = tf.train.FeatureList(
        feature=[feature([word]) for word in ("<S>", "A", "cat", "</S>")]
    )
    example = tf.train.SequenceExample(
        context=tf.train.Features(feature={"image/image_id": feature([8])}),
        feature_lists=tf.train.FeatureLists(
            feature_list={"image/caption": words}
        ),
    )
    path = tmp_path / "train-00000-of-00256.tfrecords"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(example.SerializeToString())
    captions = read_captions(path)
    assert (captions.image_ids, captions.raw) == ([8], [["A cat"]])


def test_tfrecords_that_cannot_be_used(tmp_path):
    path = records(tmp_path / "x.tfrecord", [{"label": [3], "y": ["a"]}])
    with pytest.raises(InputError, match=r"has the features .*'label'"):
        read_captions(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="record 0 cannot be read"):
        read_captions(path)


def test_several_files_with_a_split_each(tmp_path):
    write(tmp_path / "a.csv", "image,caption\na.jpg,A dog\na.jpg,Dogs\n")
    write(tmp_path / "b.json", [{"image": "b.jpg", "caption": "A cat"}])
    named = {"train": tmp_path / "a.csv", "val": tmp_path / "b.json"}
    words = [f"{split}={path}" for split, path in named.items()]
    for sources in (named, words, "\n".join(words)):
        captions = read_captions(sources)
        assert captions.splits == ["train", "val"]
        assert captions.raw == RAW


def test_several_files_that_contradict_each_other(tmp_path):
    path = write(tmp_path / "a.csv", "image,caption\na.jpg,A dog\n")
    with pytest.raises(InputError, match="twice, in train and in val"):
        read_captions({"train": path, "val": path})
    with pytest.raises(InputError, match="unknown split 'best'"):
        read_captions({"best": path})
    with pytest.raises(InputError, match="no such file"):
        read_captions([f"best={path}"])
    assert read_captions([path, path]).notes[0].startswith("1 repeated images")

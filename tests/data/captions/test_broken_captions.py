"""Every broken caption file is refused by its name and the place."""

import json

import pytest

from helpers.caption_files import TOKENS, coco, karpathy, write
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="1 files for 2 images"):
        CaptionSet([1, 2], ["a"], ["train"] * 2, [[], []])


def twice(values):
    """Another file under the id of image 0."""
    name = "file_name" if "annotations" in values else "filename"
    values["images"][1] = {**values["images"][0], name: "other.jpg"}
    return values


def missing(values, key):
    del values["images"][1][key]
    return values


def half_tokens():
    return karpathy(sentences=[{"raw": "A"}, {"raw": "B", "tokens": ["b"]}])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "the file is empty"),
        ("  \n", "the file is empty"),
        ("{}", "no known captions"),
        ("[]", "no known captions"),
        ("[3]", "no known captions"),
        ("once upon a time", "no known caption format"),
        (json.dumps(karpathy())[:200], "cut short"),
        (json.dumps(karpathy(), indent=1)[:200], "cut short"),
        (twice(karpathy()), "image id 100 appears twice"),
        (
            missing(karpathy(), "filename"),
            r"images\[1\]: 'filename' is missing",
        ),
        (missing(karpathy(), "sentences"), r"images\[1\]: 'sentences'"),
        (missing(karpathy(), "split"), r"images\[1\]: 'split' is missing"),
        (karpathy(split="extra"), r"images\[0\]: unknown split 'extra'"),
        (karpathy(cocoid=[3]), "wrong type"),
        (karpathy(sentences=[3]), r"sentences\[0\]: 'raw' is missing"),
        (karpathy(sentences=[{"tokens": [3]}]), "something but words"),
        (half_tokens(), "give them to all or to none"),
        ({"images": [3]}, r"images\[0\]"),
        ({"images": []}, "no image with captions"),
        (twice(coco()), "id 0 appears twice"),
        (
            [
                {"file_path": f"{name}.jpg", "id": 1, "captions": ["A"]}
                for name in "ab"
            ],
            "image id 1 appears twice",
        ),
        ([{"file_path": "a.jpg", "id": 1, "captions": 3}], "wrong type"),
        (TOKENS + "d.jpg#", "line 5 .* cut short"),
        (TOKENS + "a.jpg#1\tAgain\n", "line 5: a.jpg#1 appears twice"),
        ("image,caption\na.jpg\n", "line 2 has 1 columns"),
        ("image,caption\n,A\n", "1 rows without a picture .*line 2"),
        ("image,caption\n", "no image with captions"),
        ("image,name\na.jpg,A\n", "no known caption format"),
        ("image,caption,split\na.jpg,A,tset\n", "line 2: unknown split"),
        (
            "image,caption,split\na.jpg,A,train\na.jpg,A,test\n",
            "line 3: a.jpg is in another split",
        ),
        (
            "image,caption,split\na.jpg,A,train\nb.jpg,A,\n",
            "image b has no split though others have",
        ),
        (
            '{"image": "a.jpg", "caption": "A"}\n{"image": "a.j',
            "line 2 is not valid JSON",
        ),
        ('{"image": "a.jpg", "caption": "A"}\n[3]', "line 2 is no JSON"),
        ('{"image": "a.jpg", "caption": 3}', "line 1: 'caption' has the wrong"),
    ],
)
def test_bad_files(value, message, tmp_path):
    path = write(tmp_path / "captions.data", value)
    with pytest.raises(InputError, match=message) as caught:
        read_captions(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_captions(tmp_path / "absent.json")
    (tmp_path / "binary").write_bytes(b"\xff\xd8\xff\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        read_captions(tmp_path / "binary")


@pytest.mark.parametrize("options", [{"num_val": 1}, {"num_test": 1}])
def test_counts_are_refused_where_the_file_has_splits(options, tmp_path):
    path = write(tmp_path / "d.json", karpathy())
    with pytest.raises(InputError, match="has its own splits; leave out --num"):
        read_captions(path, **options)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"train.txt": "a.jpg", "test.txt": "a.jpg"}, "also listed for train"),
        ({"mine.txt": "a.jpg"}, "which split is it for"),
        ({"test.txt": "z.jpg"}, "listed images of test left out: .*z.jpg"),
        ({"train.txt": "z.jpg"}, "no image with captions"),
    ],
)
def test_bad_split_lists(lists, message, tmp_path):
    path = write(tmp_path / "tokens.txt", TOKENS)
    files = [write(tmp_path / name, text) for name, text in lists.items()]
    with pytest.raises(InputError, match=message):
        read_captions(path, split_files=files)
    with pytest.raises(InputError, match="no such file; give a list of"):
        read_captions(path, split_files=[tmp_path / "absent_train.txt"])

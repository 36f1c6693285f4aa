"""Vocabulary: the four dialects, round trips and files that do not fit."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imcap.data.words.dialects import DIALECTS
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

CAPTIONS = [["a", "dog", "runs"], ["a", "dog"], ["a", "cat"]]


@pytest.mark.parametrize(
    ("dialect", "words", "ids"),
    [
        ("talk", ("<pad>", "a", "dog", "UNK"), (0, 0, 0, 3)),
        (
            "sat_keras",
            ("<pad>", "<start>", "<eos>", "a", "dog", "UNK"),
            (0, 1, 2, 5),
        ),
        (
            "scan",
            ("<pad>", "<start>", "<end>", "<unk>", "a", "dog"),
            (0, 1, 2, 3),
        ),
        ("sca_cnn", ("<eos>", "UNK", "a", "dog"), (0, 0, 0, 1)),
    ],
)
def test_layout_of_each_dialect(dialect, words, ids):
    keeps_equal = DIALECTS[dialect].keeps_equal
    vocabulary = Vocabulary.build(CAPTIONS, 2 if keeps_equal else 1, dialect)
    assert vocabulary.words == words
    assert vocabulary.size == len(words)
    assert ids == (
        vocabulary.pad_id,
        vocabulary.bos_id,
        vocabulary.eos_id,
        vocabulary.unk_id,
    )


@pytest.mark.parametrize(
    ("dialect", "least"),
    [("talk", 6), ("sat_keras", 6), ("scan", 4), ("sca_cnn", 5)],
)
def test_usual_threshold(dialect, least):
    captions = [["often"]] * least + [["seldom"]] * (least - 1)
    words = Vocabulary.build(captions, dialect=dialect).words
    assert "often" in words
    assert "seldom" not in words


def test_order_does_not_depend_on_the_order_of_captions():
    forward = Vocabulary.build(CAPTIONS, 0)
    assert forward == Vocabulary.build(CAPTIONS[::-1], 0)
    assert forward.words[1:] == ("a", "dog", "cat", "runs", "UNK")


def test_unk_is_there_without_rare_words():
    vocabulary = Vocabulary.build(CAPTIONS, 0)
    assert vocabulary.encode(["zebra"]) == [vocabulary.size - 1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_words_spelled_like_special_ones_are_unknown(dialect):
    names = [*DIALECTS[dialect].specials, "a"]
    vocabulary = Vocabulary.build([names] * 9, 1, dialect)
    assert vocabulary.encode(names)[:4] == [vocabulary.unk_id] * 4
    assert vocabulary.decode(vocabulary.encode(["a"])) == ["a"]


def test_decode_ends_at_eos_and_skips_bos_and_pad():
    talk = Vocabulary.build(CAPTIONS, 0)
    assert talk.sentence([0, 1, 2, 0, 3]) == "a dog"
    assert talk.sentence([1, 2, 0, 3]) == "a dog"
    assert talk.decode([0, 0, 1]) == []
    spoken = Vocabulary.build(CAPTIONS, 0, "sat_keras")
    a, dog = spoken.encode(["a", "dog"])
    assert spoken.sentence([1, a, 0, dog, 2, a]) == "a dog"
    assert spoken.decode([2, a]) == []


@pytest.mark.parametrize("index", [-1, 6])
def test_decode_refuses_foreign_ids(index):
    with pytest.raises(InputError, match=f"id {index} is beyond"):
        Vocabulary.build(CAPTIONS, 0).decode([1, index])


@given(
    st.lists(st.lists(st.text(min_size=1), min_size=1), min_size=1),
    st.sampled_from(sorted(DIALECTS)),
    st.booleans(),
    st.integers(0, 3),
)
def test_decode_undoes_encode(captions, dialect, framed, padding):
    threshold = int(DIALECTS[dialect].keeps_equal)
    vocabulary = Vocabulary.build(captions, threshold, dialect)
    specials = set(DIALECTS[dialect].specials)
    unknown = vocabulary.words[vocabulary.unk_id]
    for words in captions:
        ids = vocabulary.encode(words)
        if framed:
            ids = [vocabulary.bos_id, *ids, vocabulary.eos_id]
        ids += [vocabulary.pad_id] * padding
        expected = [unknown if word in specials else word for word in words]
        assert vocabulary.decode(ids) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_file_round_trip(dialect, tmp_path):
    vocabulary = Vocabulary.build([["größe", "日本"]] * 9, dialect=dialect)
    vocabulary.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary


def test_foreign_layouts_round_trip():
    for dialect, out, back in (
        ("talk", "to_talk", "from_talk"),
        ("sat_keras", "to_talk", "from_talk"),
        ("scan", "to_scan", "from_scan"),
        ("sca_cnn", "to_align_dictionary", "from_align_dictionary"),
    ):
        vocabulary = Vocabulary.build(CAPTIONS, 1, dialect)
        value = json.loads(json.dumps(getattr(vocabulary, out)()))
        assert getattr(Vocabulary, back)(value) == vocabulary


def test_foreign_layouts_as_written_elsewhere():
    talk = Vocabulary.from_talk({"2": "dog", "1": "a", "3": "UNK"})
    assert talk.encode(["dog", "cat"]) == [2, 3]
    without_rare = Vocabulary.from_talk({"1": "a"})
    assert without_rare.encode(["a", "dog"]) == [1, 2]
    align = Vocabulary.from_align_dictionary({"dog": 3, "a": 2})
    assert align.encode(["a", "dog", "cat"]) == [2, 3, 1]
    assert align.to_align_dictionary() == {"a": 2, "dog": 3}


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("from_talk", {"1": "a", "3": "UNK"}),
        ("from_talk", {"one": "a"}),
        ("from_talk", ["a"]),
        ("from_scan", {"idx": 3}),
        ("from_scan", {"word2idx": {"a": 0}}),
        ("from_align_dictionary", {"a": 5}),
        ("from_align_dictionary", {"a": None}),
    ],
)
def test_foreign_layouts_that_do_not_fit(reader, value):
    with pytest.raises(InputError, match="vocabulary"):
        getattr(Vocabulary, reader)(value)


def test_fingerprint_knows_words_and_special_ids():
    base = Vocabulary(("<pad>", "a", "UNK"), 0, 0, 0, 2)
    other = Vocabulary(("<pad>", "b", "UNK"), 0, 0, 0, 2)
    moved = Vocabulary(("<pad>", "a", "UNK"), 0, 1, 0, 2)
    assert len({base.fingerprint, other.fingerprint, moved.fingerprint}) == 3
    assert len(base.fingerprint) == 64


def _damage(values, name):
    if name == "word changed":
        values["words"][1] = "wolf"
    elif name == "word twice":
        values["words"][1] = values["words"][2]
    elif name == "number for a word":
        values["words"][1] = 7
    elif name == "key missing":
        del values["unk_id"]
    elif name == "key unknown":
        values["colour"] = "red"
    elif name == "id beyond":
        values["eos_id"] = 99
    elif name == "id is text":
        values["eos_id"] = "0"
    elif name == "dialect unknown":
        values["dialect"] = "welsh"
    elif name == "no fingerprint":
        del values["fingerprint"]
    return values


@pytest.mark.parametrize(
    "name",
    [
        "word changed",
        "word twice",
        "number for a word",
        "key missing",
        "key unknown",
        "id beyond",
        "id is text",
        "dialect unknown",
        "no fingerprint",
    ],
)
def test_damaged_file(name, tmp_path):
    path = tmp_path / "vocabulary.json"
    Vocabulary.build(CAPTIONS, 0).save(path)
    values = _damage(json.loads(path.read_text()), name)
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"vocabulary\.json.*unedited"):
        Vocabulary.load(path)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"words": ["a"'])
def test_file_that_is_no_vocabulary(text, tmp_path):
    path = tmp_path / "vocabulary.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"vocabulary\.json"):
        Vocabulary.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Vocabulary.load(tmp_path / "vocabulary.json")


def test_word_frequencies_count_one_eos_per_caption():
    vocabulary = Vocabulary.build(CAPTIONS, 1)
    encoded = [np.array(vocabulary.encode(words)) for words in CAPTIONS]
    shares = vocabulary.word_frequencies(encoded)
    # Three eos, three "a", two "dog", two unknown.
    np.testing.assert_allclose(shares, np.array([3, 3, 2, 2]) / 10)
    assert math.isclose(shares.sum(), 1)
    assert Vocabulary.build([], 0).word_frequencies([]).tolist() == [0, 0]

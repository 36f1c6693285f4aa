"""Document frequencies: counted, cached, and in the field's pickles."""

import collections
import dataclasses
import json
import os
import pickle
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.places import ROOT
from imcap.data.captions.caption_set import EncodedCaptions
from imcap.data.ngrams import document_frequencies
from imcap.data.ngrams.document_frequencies import (
    DocumentFrequencies,
    cached_frequencies,
    count_ngrams,
)
from imcap.data.ngrams.ngram_files import read_frequencies, write_ngrams
from imcap.data.ngrams.plain_pickle import read_plain_pickle
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

WORDS = ("<pad>", "a", "dog", "runs", "UNK")
TALK = Vocabulary(WORDS, 0, 0, 0, 4)
# Python 2's cPickle of {"document_frequency": defaultdict(float,
# {("1", "0"): 2.0, ("0",): 3.0}), "ref_len": 3}, protocol 0.
PYTHON_2 = (
    b"(dp1\nS'ref_len'\np2\nI3\nsS'document_frequency'\np3\n"
    b"ccollections\ndefaultdict\np4\n(c__builtin__\nfloat\np5\ntRp6\n"
    b"(S'1'\nS'0'\ntF2\ns(S'0'\ntF3\nss."
)


def plain_counts(captions, eos):
    """Counter of n-grams over images, in plain Python."""
    return collections.Counter(
        ngram
        for image in captions
        for ngram in {
            tuple(words[start : start + n])
            for words in ([*map(int, ids), eos] for ids in image)
            for n in range(1, 5)
            for start in range(len(words) - n + 1)
        }
    )


def as_dictionary(frequencies):
    return {
        tuple(word - 1 for word in row if word): count
        for row, count in zip(
            frequencies.ngrams.tolist(),
            frequencies.counts.tolist(),
            strict=True,
        )
    }


CAPTION = st.lists(st.integers(1, 4), max_size=6)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(CAPTION, min_size=1, max_size=3), min_size=1))
def test_counts_equal_plain_ones(captions):
    found = count_ngrams(captions, TALK)
    assert as_dictionary(found) == plain_counts(captions, 0)
    assert len(found) == len(set(map(tuple, found.ngrams.tolist())))
    assert found.images == len(captions)


def test_the_largest_vocabulary():
    size = document_frequencies.LARGEST_VOCABULARY
    large = Vocabulary(tuple(map(str, range(size))), 0, 0, 0, 1)
    captions = [[[size - 1] * 4, [1, 32_767, 32_768]], [[size - 1, 1]]]
    found = count_ngrams(captions, large)
    assert as_dictionary(found) == plain_counts(captions, 0)
    larger = Vocabulary(tuple(map(str, range(size + 1))), 0, 0, 0, 1)
    with pytest.raises(InputError, match="up to 65,535 words"):
        count_ngrams(captions, larger)
    with pytest.raises(InputError, match="no captions"):
        count_ngrams([[], []], TALK)


@pytest.fixture
def captions():
    ids = [[[1, 2, 3], [1, 2]], [[2, 2, 2, 2], []], [[4, 1]]]
    arrays = [[np.array(row, "int32") for row in image] for image in ids]
    return EncodedCaptions([7, 8, 9], arrays)


def test_counted_once(tmp_path, captions, monkeypatch):
    first = cached_frequencies(tmp_path, captions, TALK)
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".npz"
    with monkeypatch.context() as patch:
        patch.delattr(document_frequencies, "count_ngrams")
        again = cached_frequencies(tmp_path, captions, TALK)
    assert as_dictionary(again) == as_dictionary(first)
    assert again.images == 3 and again.counts.dtype == "int32"
    path.write_bytes(path.read_bytes()[:-40])
    mended = cached_frequencies(tmp_path, captions, TALK)
    assert as_dictionary(mended) == as_dictionary(first)
    assert len(read_frequencies(path, TALK)) == len(first)


def test_other_captions_and_words_are_counted_anew(tmp_path, captions):
    cached_frequencies(tmp_path, captions, TALK)
    moved = dataclasses.replace(captions, captions=captions.captions[::-1])
    parted = [[ids] for image in captions.captions for ids in image]
    parted = EncodedCaptions(list(range(5)), parted)
    assert cached_frequencies(tmp_path, moved, TALK).images == 3
    assert cached_frequencies(tmp_path, parted, TALK).images == 5
    other = dataclasses.replace(TALK, words=("<pad>", *"abc", "UNK"))
    cached_frequencies(tmp_path, captions, other)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_folder_that_cannot_be_written(tmp_path, captions):
    (tmp_path / "file").write_text("")
    found = cached_frequencies(tmp_path / "file", captions, TALK)
    assert found.images == 3


def test_a_table_of_another_vocabulary_is_refused(tmp_path, captions):
    path = tmp_path / "table.npz"
    count_ngrams(captions.captions, TALK).save(path)
    other = dataclasses.replace(TALK, words=("<pad>", *"abc", "UNK"))
    with pytest.raises(InputError, match="another vocabulary"):
        DocumentFrequencies.load(path, other)
    with pytest.raises(InputError, match="no such file"):
        DocumentFrequencies.load(tmp_path / "no.npz", TALK)


@pytest.fixture
def prefix(tmp_path, captions):
    prefix = tmp_path / "coco-train"
    write_ngrams(count_ngrams(captions.captions, TALK), TALK, prefix)
    return prefix


def test_pickles_both_ways(prefix, captions):
    words = read_plain_pickle(f"{prefix}-words.p")
    assert words["ref_len"] == 3
    assert words["document_frequency"]["a", "dog", "<eos>"] == 1.0
    assert words["document_frequency"]["UNK",] == 1.0
    assert words["document_frequency"]["<eos>",] == 3.0
    ids = read_plain_pickle(f"{prefix}-idxs.p")["document_frequency"]
    assert ids["1", "2", "0"] == 1.0 and ids["0",] == 3.0
    # The field's scorers rely on it.
    assert ids["no such n-gram",] == 0.0
    expected = as_dictionary(count_ngrams(captions.captions, TALK))
    for name in (f"{prefix}-idxs.p", f"{prefix}-idxs"):
        found = read_frequencies(name, TALK)
        assert as_dictionary(found) == expected
        assert found.images == 3


def test_another_vocabulary_of_equal_size(prefix):
    other = dataclasses.replace(TALK, words=("<pad>", *"abc", "UNK"))
    with pytest.raises(InputError, match="another vocabulary"):
        read_frequencies(f"{prefix}-idxs.p", other)
    smaller = Vocabulary(("<pad>", "a", "UNK"), 0, 0, 0, 2)
    Path(f"{prefix}-words.p").unlink()
    with pytest.raises(InputError, match="no id of the vocabulary of 3"):
        read_frequencies(f"{prefix}-idxs.p", smaller)
    elsewhere = dataclasses.replace(TALK, words=("a", *WORDS[1:-1][1:], *"xy"))
    elsewhere = dataclasses.replace(elsewhere, eos_id=4)
    os.rename(f"{prefix}-idxs.p", f"{prefix}.p")
    table = read_plain_pickle(f"{prefix}.p")
    del table["document_frequency"]["4",]
    Path(f"{prefix}.p").write_bytes(pickle.dumps(table))
    with pytest.raises(InputError, match="no caption ends with the id 4"):
        read_frequencies(f"{prefix}.p", elsewhere)


def test_python_2(tmp_path):
    path = tmp_path / "old-idxs.p"
    path.write_bytes(PYTHON_2)
    found = read_frequencies(path, TALK)
    assert as_dictionary(found) == {(1, 0): 2, (0,): 3}
    assert found.images == 3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2], "not the document frequencies"),
        ({"document_frequency": {}, "ref_len": 3}, "not the document"),
        ({"document_frequency": {("0",): 1}, "ref_len": 0}, "not the document"),
        ({"document_frequency": {("0",): 4}, "ref_len": 3}, "not the document"),
        ({"document_frequency": {("0",): "x"}, "ref_len": 3}, "not the docu"),
        ({"document_frequency": {"0": 1.0}, "ref_len": 3}, "'0' is no n-gram"),
        ({"document_frequency": {(0,): 1.0}, "ref_len": 3}, "is no n-gram"),
        ({"document_frequency": {("0",) * 5: 1}, "ref_len": 3}, "no n-gram"),
        ({"document_frequency": {("a",): 1}, "ref_len": 3}, "'a' is no id"),
    ],
)
def test_pickles_of_something_else(tmp_path, value, said):
    path = tmp_path / "other-idxs.p"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(InputError, match=said):
        read_frequencies(path, TALK)


def test_a_pickle_cut_short(prefix):
    path = Path(f"{prefix}-idxs.p")
    whole = path.read_bytes()
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a pickle of plain values"):
            read_frequencies(path, TALK)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        read_frequencies(path, TALK)


@pytest.fixture
def script(monkeypatch, tmp_path):
    """Runs prepro_ngrams.py; returns its exit status."""
    splits = {"train": "a dog runs", "restval": "a dog", "test": "dog runs"}
    images = [
        {
            "cocoid": number,
            "filename": f"{number}.jpg",
            "split": split,
            "sentences": [{"tokens": words.split(), "raw": words}],
        }
        for number, (split, words) in enumerate(splits.items())
    ]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": images}))
    names = {"ix_to_word": TALK.to_talk(), "images": []}
    (tmp_path / "cocotalk.json").write_text(json.dumps(names))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        given = ["prepro_ngrams.py", "--input_json", "dataset.json"]
        given += ["--dict_json", "cocotalk.json", "--output_pkl", "out/all"]
        monkeypatch.setattr(sys, "argv", [*given, *words])
        with pytest.raises(SystemExit) as caught:
            path = ROOT / "utils" / "prepro_ngrams.py"
            runpy.run_path(str(path), run_name="__main__")
        return caught.value.code

    return run


@pytest.mark.parametrize(("split", "images"), [("all", 3), ("train", 2)])
def test_command(script, capsys, split, images):
    assert script("--split", split) == 0
    assert f"n-grams of {images} images" in capsys.readouterr().out
    found = read_frequencies("out/all-idxs.p", TALK)
    assert found.images == images
    assert as_dictionary(found)[2, 3] == images - 1
    words = read_plain_pickle("out/all-words.p")["document_frequency"]
    assert words["dog", "runs", "<eos>"] == images - 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--split", "val"], "no captions in the split 'val'"),
        (["--dict_json", "dataset.json"], "no words"),
        (["--input_json", "no.json"], "no such file"),
    ],
)
def test_one_line_for_a_mistake(script, capsys, words, said):
    assert script(*words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and said in lines[0]
    assert not Path("out").exists()

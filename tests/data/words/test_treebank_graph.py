"""Penn Treebank words in a graph: the very words that Python makes."""

import json

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.places import SHARED
from imcap.data.words.treebank import ABBREVIATIONS, PARTED, treebank_tokenize
from imcap.data.words.treebank_graph import treebank_tokenize_graph

FLICKR8K = SHARED / "data/flickr8k/dataset_flickr8k.json"
COMPILED = tf.function(
    treebank_tokenize_graph, input_signature=[tf.TensorSpec((None,), tf.string)]
)
PIECES = [
    *"abnstm.,:;-'`\"!?#$%()[]{}<>15_é \t\u00a0\u2028", "--", "...", "n't",
    "'s", "'ll", "a.m.", "u.s", "''", ". ", " .", "3.5", "1,000",
    *sorted(ABBREVIATIONS)[:4], *PARTED,
]  # fmt: skip


def differing(captions):
    """Captions whose words are not those of `treebank_tokenize`."""
    encoded = tf.constant([text.encode() for text in captions], tf.string)
    found = COMPILED(encoded).to_list()
    return [
        text
        for text, words in zip(captions, found, strict=True)
        if [word.decode() for word in words] != treebank_tokenize(text)
    ]


def test_captions_that_try_every_rule():
    captions = [
        "A dog's owner says \"sit\", and it doesn't.",
        'A "big" dog, (wet) -- at 8:30 a.m. here ("b") ["c',
        "Mr. Smith and J. Doe went vs. dogs etc. home. no. 5 st. end",
        "it's $3,000.50, o'clock... the boys' dogs, they're here! .5 a:b",
        'a.b.c.d a.b.cd a.bc .a. b . u.s.a. u.s.army foo). bar ?. b ". c',
        "cannot cannot gonna. wanna lemme rock'n'roll 'tis ''x'' `y``",
        "Ein Café in ZÜRICH . “q” «x» 日本 語. don't-foo n't 's He'll've",
        "a\u00a0b\u2028c\td\ne  ",
        "",
        " ",
    ]
    assert differing(captions) == []
    assert COMPILED(tf.constant([], tf.string)).to_list() == []
    assert COMPILED(tf.constant(["", "a."])).to_list() == [[], [b"a", b"."]]


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_caption(captions):
    assert differing(captions) == []


def test_no_text_makes_it_fail():
    strange = [b"\xff\xfe dog", b"\x00", b"a" * 5000, b". " * 500]
    found = COMPILED(tf.constant(strange)).to_list()
    assert found[0][-1] == b"dog" and found[2] == [b"a" * 5000]
    assert found[3] == [b"."] * 500


@pytest.mark.skipif(not FLICKR8K.exists(), reason="no Flickr8k captions")
def test_all_captions_of_flickr8k():
    images = json.loads(FLICKR8K.read_text())["images"]
    captions = [one["raw"] for image in images for one in image["sentences"]]
    assert len(captions) == 40_000
    for start in range(0, len(captions), 4000):
        assert differing(captions[start : start + 4000]) == []

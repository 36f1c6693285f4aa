"""The tokeniser in the graph gives the words of the one in Python."""

import json
import os
import random
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf

from helpers.places import ROOT, SHARED
from imcap.data.words.lower_graph import lower_graph
from imcap.data.words.tokenizer import tokenize_strings

pytest.importorskip(
    "tensorflow_text", reason="no wheels of tensorflow-text for this system"
)
from imcap.data.words.tokenizer_graph import tokenize_graph

FLICKR = SHARED / "data/flickr8k"
# What captions are hard by: punctuation, spaces, case, marks, other scripts.
AWKWARD = (
    "".join(map(chr, range(128)))
    + "“”‘’«»—–‐…·•°№™§¿¡、。「」・％＃＿｛｝"
    + "\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u0085\u200b\ufeff"
    + "\u00ad\u200d\u2060\u180e\u061c\u0301\u0308\u0327\u20dd\ufe0f"
    + "ÀÉÎÕÜßẞÆŒøŁđĳŉſǅÞıİΑΣσςΩάЯйЁҐאבתعربيةहिन्दीภาษาไทย"
    + "漢字ひらがなカタカナｶﾞ한국어ᄒ\u1161\u11abﬁﬃ①Ⅷ㍿℃²½ＡＢａ１"
    + "😀👩🏽🇩🇪\U0001d400\U0001f130\U000e0041"
)


def graph(strings):
    encoded = [text.encode("utf-8", "replace") for text in strings]
    rows = tokenize_graph(tf.constant(encoded, tf.string)).to_list()
    return [[word.decode("utf-8") for word in row] for row in rows]


def test_equal_words_of_awkward_captions():
    draw = random.Random(0)
    captions = [
        "".join(draw.choices(AWKWARD, k=draw.randrange(40)))
        for _ in range(1500)
    ]
    captions += [f"a{character}b" for character in AWKWARD]
    captions += ["A dog \ud83d", "\udc80 two", "Ends in a NUL\0"]
    assert graph(captions) == tokenize_strings(captions)


def test_equal_words_of_every_character_both_know():
    # What came with Unicode 14 and later is not in all tables yet.
    characters = [
        chr(code)
        for code in range(0x20000)
        if unicodedata.category(unicodedata.normalize("NFKC", chr(code))[0])
        not in ("Cn", "Co", "Cs")
    ]
    captions = [f"a{character}b" for character in characters]
    pairs = zip(
        characters, graph(captions), tokenize_strings(captions), strict=True
    )
    different = [one for one, in_graph, plain in pairs if in_graph != plain]
    assert len(different) < 300
    assert all(ord(one) > 0x2C00 for one in different)


@pytest.mark.skipif(
    not FLICKR.exists(), reason="../shared/data/flickr8k is absent"
)
def test_equal_words_of_all_of_flickr8k():
    text = (FLICKR / "dataset_flickr8k.json").read_text(encoding="utf-8")
    images = json.loads(text)["images"]
    captions = [s["raw"] for image in images for s in image["sentences"]]
    assert len(captions) == 40_000
    assert graph(captions) == tokenize_strings(captions)


def test_runs_inside_a_saved_model(tmp_path):
    module = tf.Module()
    module.words = tf.function(
        tokenize_graph, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path))
    words = tf.saved_model.load(str(tmp_path)).words
    rows = words(tf.constant(["A dog .", "!", "Two T-shirts"])).to_list()
    assert rows == [[b"a", b"dog"], [], [b"two", b"t", b"shirts"]]


def test_turkish_computers_lower_alike():
    script = (
        "import tensorflow as tf\n"
        "from imcap.data.words.lower_graph import lower_graph\n"
        "print(ascii(lower_graph(tf.constant('IN \u0130T')).numpy()))"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", script],
        env=os.environ | {"LC_ALL": "tr_TR.UTF-8", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    here = lower_graph(tf.constant("IN \u0130T")).numpy()
    assert here.decode() == "IN \u0130T".lower()
    assert done.stdout.strip() == ascii(here)

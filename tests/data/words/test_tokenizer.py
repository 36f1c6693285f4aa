"""Tokenising: the rules, and agreement with published words."""

import json
import os
import subprocess
import sys

import pytest

from helpers.places import ROOT, SHARED
from imcap.data.words.tokenizer import tokenize_strings

FLICKR = SHARED / "data/flickr8k"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog runs .", "a dog runs"),
        ("A man 's T-shirt, red!", "a man s t shirt red"),
        ("don't (ever) #2 a_b", "dont ever 2 ab"),
        ("“Hi” — don’t", "hi dont"),
        ("\ufb01ne \u00c9T\u00c9 \uff21", "fine \u00e9t\u00e9 a"),
        ("tab\tand\nnew\u00a0line\u200b", "tab and new line"),
        ("?!", ""),
        ("", ""),
        ("\ud800 lone", "lone"),
        ("NUL\0parts I\u0130", "nul parts ii\u0307"),
        ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2"),
    ],
)
def test_rules(text, words):
    assert tokenize_strings([text]) == [words.split()]


def test_all_white_space_parts_words():
    spaces = [chr(i) for i in range(0x3100) if chr(i).isspace()]
    assert len(spaces) == 29
    rows = tokenize_strings([f"a{space}dog" for space in spaces])
    assert rows == [["a", "dog"]] * len(spaces)


def test_no_strings():
    assert tokenize_strings([]) == []


def test_needs_no_tensorflow():
    script = (
        "import sys\n"
        "from imcap.data.words.tokenizer import tokenize_strings\n"
        "print(tokenize_strings(['Two T-shirts']), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[['two', 't', 'shirts']] False"


@pytest.mark.skipif(
    not FLICKR.exists(), reason="../shared/data/flickr8k is absent"
)
def test_agrees_with_published_words():
    text = (FLICKR / "dataset_flickr8k.json").read_text(encoding="utf-8")
    images = json.loads(text)["images"]
    sentences = [s for image in images for s in image["sentences"]]
    rows = tokenize_strings([sentence["raw"] for sentence in sentences])
    equal = sum(
        row == sentence["tokens"]
        for row, sentence in zip(rows, sentences, strict=True)
    )
    # The other 26 keep a lone '#', '&', ':' or bracket as a word.
    assert equal == 39_974

"""Our Penn Treebank tokens against those of Stanford's Java tool."""

import json
import shutil
from pathlib import Path

import pytest

from imcap.metrics.ptb import tokenize, tokenize_captions

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / ".." / "shared" / "data"
PREDICTIONS = SHARED / "predictions"
FLICKR8K = SHARED / "flickr8k" / "dataset_flickr8k.json"
AWKWARD = json.loads((HERE / "ptb_awkward.json").read_text("utf-8"))

needs_java = pytest.mark.skipif(
    shutil.which("java") is None, reason="no java on this machine's PATH"
)
needs_predictions = pytest.mark.skipif(
    not PREDICTIONS.is_dir(), reason="../shared/data/predictions is absent"
)
needs_flickr8k = pytest.mark.skipif(
    not FLICKR8K.is_file(), reason="../shared/data/flickr8k is absent"
)


def read(path):
    return json.loads(path.read_text("utf-8"))


def java_tokens(captions):
    """What pycocoevalcap's own tokenizer makes of the same dict."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    wrapped = {
        key: [{"caption": text} for text in texts]
        for key, texts in captions.items()
    }
    return PTBTokenizer().tokenize(wrapped)


def differences(captions):
    expected = java_tokens(captions)
    found = tokenize_captions(captions)
    return [
        (text, ours, theirs)
        for key, texts in captions.items()
        for text, ours, theirs in zip(
            texts, found[key], expected[key], strict=True
        )
        if ours != theirs
    ]


@pytest.mark.parametrize("sentence, tokens", AWKWARD)
def test_awkward_sentence(sentence, tokens):
    assert tokenize(sentence) == tokens


def test_punctuation_is_dropped_and_case_folded():
    assert tokenize('A Man, "so-called".') == ["a", "man", "so-called"]


def test_next_caption_decides_about_a_last_full_stop():
    assert tokenize("a letter W.", "The next") == ["a", "letter", "w"]
    assert tokenize("a letter W.", "two") == ["a", "letter", "w."]
    captions = {"x": ["a letter W.", "The next"], "y": ["a letter W."]}
    assert tokenize_captions(captions) == {
        "x": ["a letter w", "the next"],
        "y": ["a letter w."],
    }


@pytest.mark.parametrize("sentence", ["", " ", ".", "\t\n", "\u200b", "\x00"])
def test_nothing_to_say(sentence):
    assert tokenize(sentence) == []


def test_line_breaks_do_not_split_captions():
    captions = {1: ["a dog\nruns\r\nfast", ""], 2: []}
    assert tokenize_captions(captions) == {1: ["a dog runs fast", ""], 2: []}


@needs_java
def test_awkward_sentences_through_java():
    # "zz" follows each, as it decides nothing.
    captions = {i: [text, "zz"] for i, (text, _) in enumerate(AWKWARD)}
    assert differences(captions) == []


@needs_predictions
def test_flickr30k_predictions_and_references():
    rows = read(PREDICTIONS / "flickr30k_magic_per_image.json")
    raw = {r["image_name"]: r["raw_refs"] for r in rows}
    predicted = {r["image_name"]: [r["raw_pred"]] for r in rows}
    assert tokenize_captions(raw) == {
        r["image_name"]: r["ptb_refs"] for r in rows
    }
    assert tokenize_captions(predicted) == {
        r["image_name"]: [r["ptb_pred"]] for r in rows
    }


@needs_java
@needs_predictions
@pytest.mark.parametrize("name", ["flickr30k_magic", "flickr30k_zerocap"])
def test_predictions_through_java(name):
    rows = read(PREDICTIONS / f"{name}.json")
    references = {r["image_name"]: r["captions"] for r in rows}
    predicted = {r["image_name"]: [r["prediction"]] for r in rows}
    assert differences(references) == []
    assert differences(predicted) == []


@needs_java
@needs_flickr8k
def test_flickr8k_through_java():
    captions = {
        image["imgid"]: [sentence["raw"] for sentence in image["sentences"]]
        for image in read(FLICKR8K)["images"]
    }
    assert sum(map(len, captions.values())) == 40000
    assert differences(captions) == []

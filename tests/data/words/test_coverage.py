"""A vocabulary says how much it knows, and few captions get a lower count."""

import collections

import pytest

from imcap.data.words.coverage import (
    FEW,
    count_vocabulary,
    coverage_line,
    helpful_threshold,
)
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError


def captions(count, common=4):
    """Each of `count` captions says a dog, and a word that four others say."""
    return [
        [*["dog"] * common, f"word{number // 5}"] for number in range(count)
    ]


def test_few_captions_get_the_threshold_that_knows_their_words():
    """Of 20% words that occur five times each, 5 leaves all unknown."""
    found = count_vocabulary(captions(40), None)
    assert "word7" in found.vocabulary.words
    (line,) = found.notes
    assert "--word_count_threshold 4 was chosen instead of 5" in line
    words = count_vocabulary(captions(40), None, "scan").vocabulary.words
    assert "word7" in words, "scan keeps what occurs 4 times anyway"


def test_many_captions_keep_the_usual_threshold():
    found = count_vocabulary(captions(FEW), None)
    assert "word7" not in found.vocabulary.words
    (line,) = found.notes
    assert "20.0% of the words are unknown" in line
    assert "with --word_count_threshold 4 0.0% would be" in line


def test_a_given_threshold_stands():
    found = count_vocabulary(captions(40), 5)
    assert "word7" not in found.vocabulary.words
    assert "20.0% of the words are unknown" in found.notes[0]
    assert count_vocabulary(captions(40, common=40), 5).notes == ()


@pytest.mark.parametrize("dialect,lowest", [("talk", 0), ("scan", 1)])
def test_words_that_occur_once(dialect, lowest):
    rows = [[f"w{n}"] for n in range(9)]
    found = count_vocabulary(rows, None, dialect)
    assert f"threshold {lowest} was chosen" in found.notes[0]
    assert {f"w{n}" for n in range(9)} <= set(found.vocabulary.words)
    counts = collections.Counter(w for row in rows for w in row)
    assert helpful_threshold(counts, 9, dialect) == lowest


def test_nothing_known_is_refused():
    with pytest.raises(InputError, match=r"mine\.csv: no word of its 9"):
        count_vocabulary(captions(9), 99, source="mine.csv")


def test_coverage_in_a_line():
    vocabulary = Vocabulary.build([["a", "dog"]], 0)
    line = coverage_line(vocabulary, [["a", "dog"], ["a", "cat"]])
    assert line.startswith("25.0% of the words")
    assert "0.0%" in coverage_line(vocabulary, [])

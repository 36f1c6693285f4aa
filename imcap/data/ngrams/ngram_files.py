"""The field's pickles of n-grams, PREFIX-words.p and PREFIX-idxs.p.

Both hold {"document_frequency": {tuple of str: float}, "ref_len": number of
images}. In the first the tuples are words and the end reads "<eos>"; in the
second they are decimal ids and the end is the eos id, "0" in the talk
dialect. Captions are counted whole, with one end behind each.
"""

import collections
import pickle
from pathlib import Path

import numpy as np

from imcap.data.captions.reading import read_captions
from imcap.data.captions.sources import Sources
from imcap.data.captions.splits import TRAINING_SPLITS
from imcap.data.ngrams.document_frequencies import (
    LONGEST,
    DocumentFrequencies,
    count_ngrams,
)
from imcap.data.ngrams.plain_pickle import read_plain_pickle
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write, read_json

END = "<eos>"
REMEDY = "make it anew with utils/prepro_ngrams.py"

# The newest that Python 2 reads too.
PROTOCOL = 2


def prepare_ngrams(
    input_json: Sources,
    dict_json: StrPath,
    output_pkl: StrPath,
    split: str = "all",
) -> DocumentFrequencies:
    """Counts the n-grams of captions and writes both pickles.

    Args:
        input_json: captions, as `read_captions` takes them.
        dict_json: cocotalk.json or vocabulary.json, for its words.
        output_pkl: PREFIX of the files.
        split: "all", or one of `SPLITS`; "train" includes restval.

    Returns:
        `DocumentFrequencies`.

    Raises:
        InputError: a file cannot be used, or the split has no captions.
    """
    captions = read_captions(input_json)
    if split != "all":
        names = TRAINING_SPLITS if split == "train" else (split,)
        captions = captions.split(*names)
    if not captions.caption_count:
        raise InputError(f"{input_json}: no captions in the split {split!r}")
    vocabulary = _vocabulary(dict_json)
    encoded = captions.encode(vocabulary, None)
    frequencies = count_ngrams(encoded.captions, vocabulary)
    write_ngrams(frequencies, vocabulary, output_pkl)
    return frequencies


def _vocabulary(path: StrPath) -> Vocabulary:
    values = read_json(path, "give cocotalk.json or vocabulary.json")
    if isinstance(values, dict) and "fingerprint" in values:
        return Vocabulary.load(path)
    if not isinstance(values, dict) or "ix_to_word" not in values:
        raise InputError(
            f"{path}: no words; give cocotalk.json or vocabulary.json"
        )
    try:
        return Vocabulary.from_talk(values["ix_to_word"], values.get("dialect"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def write_ngrams(
    frequencies: DocumentFrequencies, vocabulary: Vocabulary, prefix: StrPath
) -> None:
    """Writes PREFIX-words.p and PREFIX-idxs.p, each whole or not at all.

    Args:
        frequencies: `DocumentFrequencies`.
        vocabulary: the `Vocabulary` behind its ids.
        prefix: path without "-words.p".
    """
    words = list(vocabulary.words)
    words[vocabulary.eos_id] = END
    numbers = [str(index) for index in range(vocabulary.size)]
    for ending, names in (("words", words), ("idxs", numbers)):
        # Scorers that read this look up n-grams that are not there.
        table = collections.defaultdict(float)
        rows = frequencies.ngrams.tolist()
        counts = frequencies.counts.tolist()
        for row, count in zip(rows, counts, strict=True):
            key = tuple(names[word - 1] for word in row if word)
            table[key] = float(count)
        value = {"document_frequency": table, "ref_len": frequencies.images}
        with atomic_write(f"{prefix}-{ending}.p") as partial:
            partial.write_bytes(pickle.dumps(value, PROTOCOL))


def read_frequencies(
    path: StrPath, vocabulary: Vocabulary
) -> DocumentFrequencies:
    """Reads document frequencies: an .npz of ours or a PREFIX-idxs.p.

    Args:
        path: the file; for "coco-train-idxs" coco-train-idxs.p is read.
        vocabulary: the `Vocabulary` the ids must belong to. Pickles do not
            say which words they number: an id too large gives a wrong one
            away, and PREFIX-words.p does where it lies beside.

    Returns:
        `DocumentFrequencies`.

    Raises:
        InputError: the file cannot be used, or was made with another
            vocabulary.
    """
    path = Path(path)
    if path.suffix == ".npz":
        return DocumentFrequencies.load(path, vocabulary)
    if not path.exists() and path.suffix not in (".p", ".pkl"):
        path = path.with_name(f"{path.name}.p")
    table, images = _table(path)
    ngrams = _numbered(path, table, vocabulary)
    words_path = path.with_name(path.name.replace("-idxs", "-words"))
    if words_path != path and words_path.exists():
        _check_words(path, table, words_path, vocabulary)
    counts = np.array(list(table.values())).astype("int32")
    return DocumentFrequencies(ngrams, counts, images, vocabulary.fingerprint)


def _table(path: Path) -> tuple[dict[tuple[str, ...], float], int]:
    """The dictionary of a pickle and its number of images, checked."""
    value = read_plain_pickle(path)
    try:
        table, images = value["document_frequency"], value["ref_len"]
        fits = isinstance(table, dict) and images == int(images) >= 1
        # Numbers, and no more than there are images.
        fits = fits and all(0 < float(n) <= images for n in table.values())
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        fits = False
    if not fits or not table:
        raise InputError(
            f"{path}: not the document frequencies of n-grams; {REMEDY}"
        )
    for ngram in table:
        if (
            not isinstance(ngram, tuple)
            or not 1 <= len(ngram) <= LONGEST
            or not all(isinstance(word, str) for word in ngram)
        ):
            raise InputError(
                f"{path}: {ngram!r} is no n-gram of 1 to {LONGEST} words; "
                f"{REMEDY}"
            )
    return table, int(images)


def _numbered(
    path: Path, table: dict[tuple[str, ...], float], vocabulary: Vocabulary
) -> np.ndarray:
    """uint16 (M, 4) of a table whose n-grams are decimal ids."""
    ngrams = np.zeros((len(table), LONGEST), "uint16")
    known = {str(index): index + 1 for index in range(vocabulary.size)}
    for row, ngram in zip(ngrams, table, strict=True):
        try:
            row[: len(ngram)] = [known[word] for word in ngram]
        except KeyError as error:
            raise InputError(
                f"{path}: {error.args[0]!r} is no id of the vocabulary of "
                f"{vocabulary.size} words; give the -idxs.p that was made "
                "with this vocabulary"
            ) from None
    if (str(vocabulary.eos_id),) not in table:
        raise InputError(
            f"{path}: no caption ends with the id {vocabulary.eos_id}; give "
            "the -idxs.p that was made with this vocabulary"
        )
    return ngrams


def _check_words(
    path: Path,
    table: dict[tuple[str, ...], float],
    words_path: Path,
    vocabulary: Vocabulary,
) -> None:
    """Whether single words are as frequent by name as by number."""
    by_name, _ = _table(words_path)
    for (word, *more), count in by_name.items():
        if more:
            continue
        index = vocabulary.eos_id
        if word != END:
            index = vocabulary.encode([word])[0]
        if table.get((str(index),)) != count:
            raise InputError(
                f"{path}: its number {index} is not the word {word!r} of "
                f"{words_path.name}; it was made with another vocabulary, "
                f"{REMEDY}"
            )

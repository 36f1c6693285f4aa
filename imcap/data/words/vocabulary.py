"""The vocabulary: words to ids and back, in four dialects."""

import collections
import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from imcap.data.words.dialects import get_dialect
from imcap.errors import InputError
from imcap.files import StrPath, read_json, write_json

REMEDY = "use the vocabulary.json that training wrote, unedited"


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The words a model knows, numbered, with four special ids.

    Args:
        words: tuple of str indexed by id, specials included under readable
            names such as "<pad>" and "UNK"; no word twice.
        pad_id: int, fills rows behind a caption's end.
        bos_id: int, stands before the first word.
        eos_id: int, stands behind the last word.
        unk_id: int, stands for every word that is not in `words`.
        dialect: where the layout comes from, a key of `dialects.DIALECTS`.

    Dialects: `talk` has 0 for pad, bos and eos alike and UNK last;
    `sat_keras` has pad 0, the words `<start>` and `<eos>` and UNK last;
    `scan` has pad 0, start 1, end 2, unk 3; `sca_cnn` has 0 for pad, bos
    and eos and UNK 1.

    Raises:
        InputError: a word appears twice, or a special id has no word.

    Example:
        >>> vocabulary = Vocabulary.build([["a", "dog"]], threshold=0)
        >>> vocabulary.encode(["a", "cat"])
        [1, 3]
    """

    words: tuple[str, ...]
    pad_id: int
    bos_id: int
    eos_id: int
    unk_id: int
    dialect: str = "talk"

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        _check_words(self.words)
        twice = [w for w, n in collections.Counter(self.words).items() if n > 1]
        if twice:
            raise InputError(f"vocabulary: the word {twice[0]!r} appears twice")
        for name in ("pad_id", "bos_id", "eos_id", "unk_id"):
            if not 0 <= getattr(self, name) < len(self.words):
                raise InputError(f"vocabulary: {name} has no word")
        get_dialect(self.dialect)

    @classmethod
    def build(
        cls,
        captions_tokens: Iterable[Iterable[str]],
        threshold: int | None = None,
        dialect: str = "talk",
    ) -> "Vocabulary":
        """Builds a vocabulary of the frequent words.

        Args:
            captions_tokens: iterable of lists of str, one per caption.
            threshold: int. `talk` and `sat_keras` keep words that occur
                more often than this; `scan` and `sca_cnn` those that occur
                at least this often. None: 5, and 4 for `scan`.
            dialect: a key of `dialects.DIALECTS`.

        Returns:
            A `Vocabulary`, words by falling count, equal counts by
            alphabet, so that the same captions give the same ids. UNK is
            there even when no word is rare.
        """
        layout = get_dialect(dialect)
        if threshold is None:
            threshold = layout.threshold
        least = threshold if layout.keeps_equal else threshold + 1
        counts: collections.Counter[str] = collections.Counter()
        for tokens in captions_tokens:
            counts.update(tokens)
        specials = set(layout.specials)
        kept = sorted(
            (w for w, n in counts.items() if n >= least and w not in specials),
            key=lambda word: (-counts[word], word),
        )
        return cls._laid_out((*layout.first, *kept, *layout.last), dialect)

    @classmethod
    def _laid_out(cls, words: Iterable[str], dialect: str) -> "Vocabulary":
        """Makes a vocabulary whose special ids follow from the names."""
        words = tuple(words)
        places = {word: index for index, word in enumerate(words)}
        specials = get_dialect(dialect).specials
        absent = [name for name in specials if name not in places]
        if absent:
            raise InputError(
                f"vocabulary: the {dialect} dialect needs the word "
                f"{absent[0]!r}, which is not there"
            )
        pad, bos, eos, unk = (places[name] for name in specials)
        return cls(words, pad, bos, eos, unk, dialect)

    @property
    def size(self) -> int:
        """Number of ids, specials included."""
        return len(self.words)

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        """Word to id, without pad, bos and eos: text never names those."""
        silent = {self.pad_id, self.bos_id, self.eos_id}
        return {w: i for i, w in enumerate(self.words) if i not in silent}

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 in hexadecimal over the words and the special ids."""
        ids = [self.pad_id, self.bos_id, self.eos_id, self.unk_id]
        text = json.dumps([list(self.words), ids], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Tokens to ids; unknown words become `unk_id`.

        Neither bos nor eos is added, and a token that is spelled like one
        of them counts as unknown.
        """
        return [self._ids.get(token, self.unk_id) for token in tokens]

    def decode(self, ids: ArrayLike) -> list[str]:
        """Ids, with or without bos, eos and padding, to list of str.

        An id at position 0 that is bos is skipped, even where it is eos
        too; then the first eos ends the caption. Pad and bos are skipped.

        Raises:
            InputError: an id beyond the vocabulary.
        """
        words = []
        for position, index in enumerate(np.asarray(ids).reshape(-1).tolist()):
            if index == self.bos_id and position == 0:
                continue
            if index == self.eos_id:
                break
            if index in (self.pad_id, self.bos_id):
                continue
            if not 0 <= index < self.size:
                raise InputError(
                    f"id {index} is beyond the vocabulary of {self.size} "
                    "words; the captions were made with another vocabulary"
                )
            words.append(self.words[int(index)])
        return words

    def sentence(self, ids: ArrayLike) -> str:
        """Like `decode`, joined by spaces."""
        return " ".join(self.decode(ids))

    def word_frequencies(self, captions: Iterable[ArrayLike]) -> np.ndarray:
        """Unigram distribution of the words a model has to predict.

        Args:
            captions: iterable of id arrays as `encode` gives them; one eos
                is counted behind each.

        Returns:
            float64 (size,), summing to one, zero for ids never predicted.
        """
        counts = np.zeros(self.size, "int64")
        for ids in captions:
            counts += np.bincount(
                np.asarray(ids, "int64").reshape(-1), minlength=self.size
            )
            counts[self.eos_id] += 1
        return counts / max(counts.sum(), 1)

    def save(self, path: StrPath) -> None:
        """Writes vocabulary.json, whole or not at all."""
        values = dataclasses.asdict(self) | {"fingerprint": self.fingerprint}
        write_json(path, values, indent=1)

    @classmethod
    def load(cls, path: StrPath) -> "Vocabulary":
        """Reads what `save` wrote; anything else is an InputError."""
        values = read_json(path, REMEDY)
        names = {field.name for field in dataclasses.fields(cls)}
        if (
            not isinstance(values, dict)
            or set(values) - {"fingerprint"} != names
        ):
            raise InputError(f"{path}: not a vocabulary; {REMEDY}")
        fingerprint = values.pop("fingerprint", None)
        try:
            vocabulary = cls(**values)
        except (InputError, TypeError) as error:
            raise InputError(f"{path}: {error}; {REMEDY}") from None
        if vocabulary.fingerprint != fingerprint:
            raise InputError(
                f"{path}: words and fingerprint do not fit together; {REMEDY}"
            )
        return vocabulary

    @classmethod
    def from_talk(
        cls, ix_to_word: Any, dialect: str | None = None
    ) -> "Vocabulary":
        """Takes `ix_to_word` of cocotalk.json, {"1": word, ...}.

        Args:
            ix_to_word: dict of str (decimal, from 1 without gaps) to str.
            dialect: None to tell `sat_keras`, which has the words <start>
                and <eos>, from `talk`.

        A vocabulary without UNK, as older tools wrote when no word was
        rare, gets one behind the last word; no label uses it.
        """
        if not isinstance(ix_to_word, dict):
            raise InputError("vocabulary: ix_to_word is not a dictionary")
        _check_words(ix_to_word.values())
        words = _in_order({w: i for i, w in ix_to_word.items()}, 1)
        if dialect is None:
            spoken = {"<start>", "<eos>"} <= set(words)
            dialect = "sat_keras" if spoken else "talk"
        if dialect in ("talk", "sat_keras") and "UNK" not in words:
            words.append("UNK")
        first = get_dialect(dialect).first[0]
        return cls._laid_out((first, *words), dialect)

    def to_talk(self) -> dict[str, str]:
        """`ix_to_word` of cocotalk.json: ids from 1, as decimal strings."""
        return {str(i): self.words[i] for i in range(1, self.size)}

    @classmethod
    def from_scan(cls, values: Any) -> "Vocabulary":
        """Takes {"word2idx", "idx2word", "idx"}; idx2word is not needed."""
        if not isinstance(values, dict) or "word2idx" not in values:
            raise InputError(
                "vocabulary: not a SCAN vocabulary, word2idx is missing"
            )
        words = _in_order(values["word2idx"], 0)
        return cls._laid_out(words, "scan")

    def to_scan(self) -> dict[str, Any]:
        """The JSON value that SCAN's vocab.py writes."""
        return {
            "word2idx": {word: i for i, word in enumerate(self.words)},
            "idx2word": {str(i): word for i, word in enumerate(self.words)},
            "idx": self.size,
        }

    @classmethod
    def from_align_dictionary(cls, word_to_id: Any) -> "Vocabulary":
        """Takes SCA-CNN's dictionary {word: id from 2}; 0 eos, 1 UNK."""
        return cls._laid_out(
            ("<eos>", "UNK", *_in_order(word_to_id, 2)), "sca_cnn"
        )

    def to_align_dictionary(self) -> dict[str, int]:
        """SCA-CNN's dictionary: {word: id from 2}, without the specials."""
        return {word: i for i, word in enumerate(self.words) if i > 1}


def _check_words(words: Iterable[Any]) -> None:
    """Refuses what is not text, or holds half of a surrogate pair."""
    for word in words:
        if not isinstance(word, str) or re.search("[\ud800-\udfff]", word):
            raise InputError(f"vocabulary: the word {word!a:.60} is not text")


def _in_order(word_to_id: Any, start: int) -> list[str]:
    """Words by rising id; ids must be start, start + 1, ... without gaps."""
    try:
        ordered = sorted(word_to_id.items(), key=lambda pair: int(pair[1]))
    except (AttributeError, TypeError, ValueError):
        raise InputError(
            "vocabulary: a dictionary between words and whole numbers was "
            "expected"
        ) from None
    for expected, (word, index) in enumerate(ordered, start):
        if int(index) != expected:
            raise InputError(
                f"vocabulary: id {index} of {word!r} where {expected} was "
                "expected; ids must follow one another without gaps"
            )
    return [word for word, _ in ordered]

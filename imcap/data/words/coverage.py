"""Coverage: how many words of captions a vocabulary knows."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

from imcap.data.words.dialects import get_dialect
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

# Below so many captions, the usual least count leaves out what matters.
FEW = 3000
# Share of unknown words that is too much.
TOO_MANY = 0.05


@dataclasses.dataclass(frozen=True)
class CountedVocabulary:
    """Vocabulary counted in captions, with what there is to say of it.

    Attributes:
        vocabulary: the `Vocabulary`.
        notes: tuple of lines: the threshold that was chosen, or one that
            would help.
    """

    vocabulary: Vocabulary
    notes: tuple[str, ...]


def count_vocabulary(
    captions: Sequence[Sequence[str]],
    threshold: int | None,
    dialect: str = "talk",
    source: str = "captions",
) -> CountedVocabulary:
    """Builds a vocabulary, and says how many words it does not know.

    Args:
        captions: list of lists of str, the words of each caption.
        threshold: int, see `Vocabulary.build`; None for the dialect's own,
            or of less than 3,000 captions the highest up to it that leaves
            at most 5% of their words unknown.
        dialect: a key of `dialects.DIALECTS`.
        source: where the captions are from, for messages.

    Returns:
        A `CountedVocabulary`.

    Raises:
        InputError: no word is known.
    """
    counts: collections.Counter[str] = collections.Counter()
    for words in captions:
        counts.update(words)
    usual = get_dialect(dialect).threshold
    helpful = helpful_threshold(counts, usual, dialect)
    notes = []
    chosen = usual if threshold is None else threshold
    if threshold is None and len(captions) < FEW and helpful < usual:
        chosen = helpful
        notes.append(
            f"{len(captions)} captions are few: --word_count_threshold "
            f"{chosen} was chosen instead of {usual}"
        )
    vocabulary = Vocabulary.build(captions, chosen, dialect)
    unknown = unknown_share(counts, chosen, dialect)
    if set(vocabulary.words) <= set(get_dialect(dialect).specials):
        raise InputError(
            f"{source}: no word of its {len(captions)} captions is frequent "
            "enough; lower --word_count_threshold"
        )
    if unknown > TOO_MANY and helpful < chosen:
        left = unknown_share(counts, helpful, dialect)
        notes.append(
            f"{unknown:.1%} of the words are unknown: with "
            f"--word_count_threshold {helpful} {left:.1%} would be"
        )
    return CountedVocabulary(vocabulary, tuple(notes))


def unknown_share(
    counts: collections.Counter[str], threshold: int, dialect: str
) -> float:
    """Share of all words that occur too seldom to be kept."""
    least = threshold if get_dialect(dialect).keeps_equal else threshold + 1
    rare = sum(count for count in counts.values() if count < least)
    return rare / max(1, counts.total())


def helpful_threshold(
    counts: collections.Counter[str], highest: int, dialect: str
) -> int:
    """The highest threshold that leaves at most 5% of the words unknown."""
    lowest = int(get_dialect(dialect).keeps_equal)
    for threshold in range(highest, lowest, -1):
        if unknown_share(counts, threshold, dialect) <= TOO_MANY:
            return threshold
    return lowest


def coverage_line(
    vocabulary: Vocabulary, captions: Iterable[Sequence[str]]
) -> str:
    """How many words of captions a vocabulary knows, in a line."""
    unknown = total = 0
    for words in captions:
        total += len(words)
        unknown += vocabulary.encode(words).count(vocabulary.unk_id)
    return (
        f"{unknown / max(1, total):.1%} of the words of training captions "
        "are unknown"
    )

"""How the four lineages number their special words."""

from typing import NamedTuple

from imcap.errors import InputError


class Dialect(NamedTuple):
    """The special words of one lineage.

    Args:
        specials: the names of pad, bos, eos and unk, which may coincide.
        first, last: the words that stand before and behind all others.
        threshold: the usual least count of a word.
        keeps_equal: whether a word that occurs exactly that often is kept.
    """

    specials: tuple[str, str, str, str]
    first: tuple[str, ...]
    last: tuple[str, ...]
    threshold: int
    keeps_equal: bool


DIALECTS = {
    "talk": Dialect(
        ("<pad>", "<pad>", "<pad>", "UNK"), ("<pad>",), ("UNK",), 5, False
    ),
    "sat_keras": Dialect(
        ("<pad>", "<start>", "<eos>", "UNK"),
        ("<pad>", "<start>", "<eos>"),
        ("UNK",),
        5,
        False,
    ),
    "scan": Dialect(
        ("<pad>", "<start>", "<end>", "<unk>"),
        ("<pad>", "<start>", "<end>", "<unk>"),
        (),
        4,
        True,
    ),
    "sca_cnn": Dialect(
        ("<eos>", "<eos>", "<eos>", "UNK"), ("<eos>", "UNK"), (), 5, True
    ),
}


def get_dialect(name: str) -> Dialect:
    """Looks a dialect up in `DIALECTS`; an unknown name is an InputError."""
    if not isinstance(name, str) or name not in DIALECTS:
        raise InputError(
            f"unknown dialect {name!r}; choose from {', '.join(DIALECTS)}"
        )
    return DIALECTS[name]

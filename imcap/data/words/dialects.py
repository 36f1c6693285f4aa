"""How the four lineages number their special words."""

import collections

from imcap.errors import InputError

# Per dialect: the names of pad, bos, eos and unk, which may coincide; the
# words that come first and last; the usual threshold; whether a word that
# occurs exactly `threshold` times is kept.
Dialect = collections.namedtuple(
    "Dialect", "specials first last threshold keeps_equal"
)


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


def get_dialect(name):
    """The row of `DIALECTS`; an unknown name is an InputError."""
    if name not in DIALECTS:
        raise InputError(
            f"unknown dialect {name!r}; choose from {', '.join(DIALECTS)}"
        )
    return DIALECTS[name]

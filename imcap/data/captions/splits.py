"""Names of splits, in the files of others too."""

import re
from pathlib import Path

from imcap.errors import InputError

SPLITS = ("train", "restval", "val", "test")
TRAINING_SPLITS = ("train", "restval")
NO_SPLITS = "the file has no splits"
SPLIT_NAMES = {name: name for name in SPLITS} | {
    "training": "train",
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
    "tr": "train",
    "trn": "train",
    "tst": "test",
    "validate": "val",
    "eval": "val",
    "evaluation": "val",
}


def parse_split(name: str, where: str | Path) -> str:
    """The split that 'dev', 'val2014' and the like mean, or InputError."""
    plain = re.sub(r"(?<=[a-z])[_-]?20\d\d$", "", str(name).strip().lower())
    split = SPLIT_NAMES.get(plain)
    if split is None:
        raise InputError(
            f"{where}: unknown split {name!r}; use {', '.join(SPLITS)}"
        )
    return split

"""SCAN's `*_precomp` folders: features of regions, captions, ids.

`{split}_ims.npy` (n, K, D) is mapped into memory, `{split}_caps.txt` has one
caption a line, `{split}_ids.txt` one id a caption or one an image, and may be
missing. Splits are train, dev, test and testall.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imcap.data.features.sources import rows_note
from imcap.data.features.store import FeatureStore
from imcap.data.pairs.matching_set import MatchingSet
from imcap.data.words.treebank import treebank_tokenize
from imcap.errors import InputError
from imcap.files import StrPath, read_text

PER_IMAGE = 5  # consecutive captions an image, where no ids say otherwise
DEV_CAPTIONS = 5000  # what SCAN validates on


def open_precomp(folder: StrPath, split: str) -> MatchingSet:
    """Opens one split of a `*_precomp` folder.

    Which caption belongs to which row: with one id a caption, those of one
    id belong to one image, in order of appearance; otherwise, five
    consecutive ones to a row where rows and captions differ in number, and
    one to each where they do not. Of dev, the first 5,000 captions count.

    Args:
        folder: such as data/f30k_precomp.
        split: "train", "dev", "test" or "testall".

    Returns:
        A `MatchingSet`.

    Raises:
        InputError: a file is missing or damaged; rows, captions and ids do
            not fit together.

    Example:
        >>> len(open_precomp("data/f30k_precomp", "dev"))
        1000
    """
    folder = Path(folder)
    captions = read_lines(folder / f"{split}_caps.txt")
    for number, caption in enumerate(captions, 1):
        if not caption:
            raise InputError(
                f"{folder / f'{split}_caps.txt'}: line {number} is empty; "
                "every line is a caption"
            )
    path = folder / f"{split}_ims.npy"
    store = FeatureStore.open(path)
    # This format has no ids: rows are what pictures are known by.
    known = rows_note(path, len(store))
    store.notes = tuple(note for note in store.notes if note != known)
    ids_path = folder / f"{split}_ids.txt"
    ids = read_lines(ids_path) if ids_path.exists() else None
    row_of = rows_of_captions(folder / split, len(store), captions, ids)
    if split == "dev":
        row_of = row_of[:DEV_CAPTIONS]
    rows, image_of = np.unique(row_of, return_inverse=True)
    return MatchingSet(
        str(folder / split),
        store,
        [store.ids[row] for row in rows],
        image_of,
        [treebank_tokenize(caption) for caption in captions[: len(row_of)]],
    )


def read_lines(path: StrPath) -> list[str]:
    """The lines of a text file, stripped.

    Raises:
        InputError: missing, or no text; see `imcap.files.read_text`.
    """
    text = read_text(
        path, "a precomp folder holds SPLIT_ims.npy and SPLIT_caps.txt"
    )
    # Not splitlines: captions may hold characters that it takes for ends.
    return [line.strip() for line in text.rstrip("\n").split("\n")]


def rows_of_captions(
    name: StrPath,
    rows: int,
    captions: Sequence[str],
    ids: Sequence[str] | None = None,
) -> np.ndarray:
    """Which row of the features each caption belongs to: int64 (M,).

    Args:
        name: for messages, the folder and the split.
        rows: int, of the features.
        captions: list (M).
        ids: list of str, one a caption or one a row; None where unknown.

    Raises:
        InputError: the numbers do not fit together.
    """
    count = len(captions)
    if ids is not None and len(ids) not in (count, rows):
        raise InputError(
            f"{name}_ids.txt: {len(ids)} ids for {count} captions of {rows} "
            "rows; give one a caption or one a row"
        )
    if ids is not None and len(ids) == count:
        found = _rows_by_id(rows, ids)
        if found is not None:
            return found
    numbers = np.arange(count)
    if rows == count:
        return numbers
    if rows * PER_IMAGE == count:
        return numbers // PER_IMAGE
    raise InputError(
        f"{name}_ims.npy: {rows} rows do not match {count} captions, "
        f"{PER_IMAGE} or 1 a row; mend the files, or give in {name}_ids.txt "
        "the id of each caption's image"
    )


def _rows_by_id(rows: int, ids: Sequence[str]) -> np.ndarray | None:
    """Rows by the ids of captions' images; None where they do not fit."""
    first: dict[str, int] = {}
    order: dict[str, int] = {}
    for number, name in enumerate(ids):
        first.setdefault(name, number)
        order.setdefault(name, len(order))
    if len(order) == rows:
        return np.array([order[name] for name in ids], "int64")
    if len(ids) == rows:
        # One row a caption: those of one image are copies of each other.
        return np.array([first[name] for name in ids], "int64")
    return None

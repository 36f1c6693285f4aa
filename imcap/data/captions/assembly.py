"""Assembly of a checked `CaptionSet` from the pictures of a parsed file."""

import collections
import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.split_lists import find_lines, read_split_lists
from imcap.data.captions.splits import (
    NO_SPLITS,
    TRAINING_SPLITS,
    parse_split,
)
from imcap.data.words.unspaced import lacks_spaces, split_characters
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import StrPath

DRAWN = ("train", "val", "test")


@dataclasses.dataclass
class Picture:
    """Image of a parsed caption file, its captions included.

    Args:
        image_id: int or str.
        file: str, relative path.
        captions: list of str, or None where only words are known.
        tokens: list of lists of str, or None where text is still raw.
        split: str, or None where the source does not say.
        size: (width, height) in pixels, or None.
        is_named: whether the id is the stem of `file`, for want of another.
        place: where the picture is, in an archive too (see
            `imcap.data.archives.places`), or None where the source does not
            hold it.
        lists: the lists that split it, as they lie beside each of its
            caption files.
    """

    image_id: int | str
    file: str
    captions: list[str] | None
    tokens: list[list[str]] | None = None
    split: str | None = None
    size: tuple[int, int] | None = None
    is_named: bool = False
    place: Path | None = None
    lists: tuple[tuple[Path, ...], ...] = ()


class LeftOut:
    """Counts of what a reader left out, by kind."""

    def __init__(self) -> None:
        self._counts: dict[str, list[str]] = {}

    def add(self, what: str, where: str) -> None:
        """Counts one.

        Args:
            what: the kind, in the plural.
            where: its place; the first is said.
        """
        self._counts.setdefault(what, []).append(where)

    def extend(self, other: "LeftOut") -> None:
        """Adds the counts of another."""
        for what, places in other._counts.items():
            self._counts.setdefault(what, []).extend(places)

    def notes(self) -> list[str]:
        """A line a kind, with the number and the first place."""
        return [
            f"{len(places)} {what} left out (first: {places[0]})"
            for what, places in self._counts.items()
        ]


def assemble(
    path: Path,
    pictures: list[Picture],
    vocabulary: Vocabulary | None = None,
    *,
    split_files: Sequence[StrPath] = (),
    split: str | None = None,
    num_val: int | None = None,
    num_test: int | None = None,
    left_out: LeftOut | None = None,
    strict: bool = False,
    unlabelled: bool = False,
) -> CaptionSet:
    """Checks pictures, splits and tokenises them.

    Args:
        path: the source, for messages.
        pictures: list of `Picture`.
        vocabulary: the `Vocabulary` that numbered their words, or None.
        split_files, split, num_val, num_test, strict, unlabelled: see
            `read_captions`.
        left_out: what the reader left out already.

    Returns:
        A `CaptionSet`. A repeated image, an empty caption, and an image
        without captions is left out and counted in its notes.

    Raises:
        InputError: no images, one id for two images, splits asked for that
            the file already has; with `strict`, anything left out.
    """
    drawn = not any(picture.split or picture.lists for picture in pictures)
    left_out = left_out or LeftOut()
    notes: list[str] = []
    lost: list[str] = []
    pictures = _unique(path, pictures, left_out)
    _tokenise(pictures, notes)
    _drop_empty_captions(pictures, lost)
    if split_files:
        pictures = _split_by_lists(pictures, split_files, notes, lost)
    elif split is not None:
        for picture in pictures:
            picture.split = parse_split(split, path)
    else:
        counts = (num_val, num_test)
        pictures = _split_by_lists_beside(pictures, notes, lost)
        pictures = _split_by_source(
            path, pictures, counts, notes, lost, unlabelled
        )
    if not unlabelled:
        pictures = _drop_bare_pictures(pictures, lost)
    lost = left_out.notes() + lost
    if not pictures:
        why = f" ({'; '.join(lost)})" if lost else ""
        what = "image" if unlabelled else "image with captions"
        raise InputError(f"{path}: no {what} is left in it{why}")
    if strict and lost:
        raise InputError(f"{path}: {lost[0]}; mend it, or leave out --strict")
    drawn = drawn and not split_files and split is None
    return _caption_set(pictures, (*lost, *notes), vocabulary, drawn)


def _caption_set(
    pictures: list[Picture],
    notes: tuple[str, ...],
    vocabulary: Vocabulary | None,
    drawn: bool,
) -> CaptionSet:
    raw = [p.captions for p in pictures if p.captions is not None]
    sizes = [p.size for p in pictures if p.size is not None]
    places = [picture.place for picture in pictures]
    return CaptionSet(
        [picture.image_id for picture in pictures],
        [picture.file for picture in pictures],
        [str(picture.split) for picture in pictures],
        [picture.tokens or [] for picture in pictures],
        raw if len(raw) == len(pictures) else None,
        sizes if len(sizes) == len(pictures) else None,
        notes,
        vocabulary,
        drawn,
        places if any(places) else None,
    )


def _unique(
    path: Path, pictures: list[Picture], left_out: LeftOut
) -> list[Picture]:
    """One picture an id: repeated ones are joined, others refused."""
    stems: dict[int | str, str] = {}
    for picture in pictures:
        if picture.is_named:
            other = stems.setdefault(picture.image_id, picture.file)
            if other != picture.file:
                # Of equal names none can be an id, so paths are, of all.
                _name_by_path(pictures)
                break
    unique: dict[str, Picture] = {}
    for picture in pictures:
        known = unique.setdefault(str(picture.image_id), picture)
        if known is not picture:
            _join(path, known, picture, left_out)
    return list(unique.values())


def _name_by_path(pictures: list[Picture]) -> None:
    for picture in pictures:
        if picture.is_named:
            picture.image_id = picture.file


def _join(
    path: Path, known: Picture, again: Picture, left_out: LeftOut
) -> None:
    """Adds the captions of a picture that comes a second time."""
    where = f"image id {known.image_id}"
    if known.file != again.file:
        raise InputError(
            f"{path}: {where} appears twice ({known.file} and {again.file}); "
            "give each image its own id"
        )
    if known.split != again.split:
        raise InputError(
            f"{path}: {where} appears twice, in {known.split} and in "
            f"{again.split}; an image belongs to one split"
        )
    known.place = known.place or again.place
    known.lists = tuple(dict.fromkeys(known.lists + again.lists))
    mine: list[Any] = known.captions or known.tokens or []
    theirs: list[Any] = again.captions or again.tokens or []
    new = [i for i, caption in enumerate(theirs) if caption not in mine]
    if not new:
        left_out.add("repeated images", where)
    if known.captions is not None and again.captions is not None:
        known.captions.extend([again.captions[i] for i in new])
    if known.tokens is not None and again.tokens is not None:
        known.tokens.extend([again.tokens[i] for i in new])


def _split_by_source(
    path: Path,
    pictures: list[Picture],
    counts: tuple[int | None, int | None],
    notes: list[str],
    lost: list[str],
    unlabelled: bool,
) -> list[Picture]:
    """The splits that the file itself has, or else hashed ones."""
    bare = [picture for picture in pictures if picture.split is None]
    if bare and len(bare) < len(pictures):
        raise InputError(
            f"{path}: image {bare[0].image_id} has no split though others "
            "have one; fill it in for all or for none"
        )
    flags = ("--num_val", "--num_test")
    drawn = [
        flag for flag, n in zip(flags, counts, strict=True) if n is not None
    ]
    if drawn and not bare:
        raise InputError(
            f"{path}: the file has its own splits; leave out "
            + " and ".join(drawn)
        )
    if bare:
        # Nobody promised these images to a test split, so none is missed.
        if not unlabelled:
            pictures = _without_bare(pictures, "images", lost)
        ids = [picture.image_id for picture in pictures]
        names = hash_splits(ids, *counts)
        for picture, name in zip(pictures, names, strict=True):
            picture.split = name
        each = ", ".join(f"{names.count(name)} for {name}" for name in DRAWN)
        notes.append(f"{NO_SPLITS}; drawn by id: {each}")
    return pictures


def hash_splits(
    image_ids: Iterable[int | str],
    num_val: int | None = None,
    num_test: int | None = None,
) -> list[str]:
    """Deterministic random splits, which depend on nothing but the ids.

    Args:
        image_ids: list of int or str.
        num_val: int, images of val; None with `num_test` None: every id
            falls into train, val or test with probability 80, 10 and 10 %,
            whichever other images there are. None beside a number: 0.
        num_test: int, images of test, likewise.

    Returns:
        List of "train", "val" and "test". The draw is a sha256 of the id,
        so it is the same on every machine and in every order of the ids.
    """
    draws = [
        int.from_bytes(hashlib.sha256(str(key).encode()).digest()[:8], "big")
        for key in image_ids
    ]
    if num_val is None and num_test is None:
        shares = [draw / 2**64 for draw in draws]
        return [
            "train" if share < 0.8 else "val" if share < 0.9 else "test"
            for share in shares
        ]
    num_val, num_test = num_val or 0, num_test or 0
    if min(num_val, num_test) < 0 or num_val + num_test >= len(draws):
        raise InputError(
            f"{num_val} images for val and {num_test} for test leave none of "
            f"{len(draws)} for training; lower --num_val and --num_test"
        )
    splits = ["train"] * len(draws)
    order = sorted(range(len(draws)), key=draws.__getitem__)
    for place, index in enumerate(order[: num_val + num_test]):
        splits[index] = "val" if place < num_val else "test"
    return splits


def posix_path(name: str) -> PurePosixPath:
    """The path of a picture, which files from Windows have backslashes in."""
    return PurePosixPath(name.replace("\\", "/"))


def _split_by_lists(
    pictures: list[Picture],
    split_files: Sequence[StrPath],
    notes: list[str],
    lost: list[str],
) -> list[Picture]:
    """Keeps the pictures that a list names, one list per split."""
    listed = read_split_lists(split_files)
    paths = [posix_path(picture.file) for picture in pictures]
    lines = find_lines(
        list(listed),
        [
            (picture.file, path.name, path.stem)
            for picture, path in zip(pictures, paths, strict=True)
        ],
        [picture.image_id for picture in pictures],
    )
    kept = []
    for picture, line in zip(pictures, lines, strict=True):
        if line is not None:
            picture.split = listed[line]
            kept.append(picture)
    unlisted = len(pictures) - len(kept)
    if unlisted:
        notes.append(f"{unlisted} images left out: in no split list")
    _note_absent(listed, {line for line in lines if line is not None}, lost)
    return kept


def _split_by_lists_beside(
    pictures: list[Picture], notes: list[str], lost: list[str]
) -> list[Picture]:
    """Splits pictures by the lists beside their own caption files."""
    kept = set()
    for lists in dict.fromkeys(some for one in pictures for some in one.lists):
        mine = [one for one in pictures if lists in one.lists]
        earlier = {id(one): one.split for one in mine}
        for one in _split_by_lists(mine, lists, notes, lost):
            known = earlier[id(one)]
            if known not in (None, one.split):
                raise InputError(
                    f"{lists[0]}: {one.file} is of {one.split} there, and of "
                    f"{known} beside another caption file; an image belongs "
                    "to one split"
                )
            kept.add(id(one))
    return [one for one in pictures if not one.lists or id(one) in kept]


def _note_absent(
    listed: dict[str, str], matched: set[str], lost: list[str]
) -> None:
    """Counts listed images without captions."""
    absent = [name for name in listed if name not in matched]
    training = [name for name in absent if listed[name] in TRAINING_SPLITS]
    others = [name for name in absent if listed[name] not in TRAINING_SPLITS]
    for names, what in ((training, "training images"), (others, "images")):
        if names:
            of = "" if names is training else f" of {listed[names[0]]}"
            lost.append(
                f"{len(names)} listed {what}{of} left out: no captions "
                f"(first: {names[0]})"
            )


def _tokenise(pictures: list[Picture], notes: list[str]) -> None:
    """Fills `tokens` where text is raw, all texts in one go."""
    raw = [picture for picture in pictures if picture.tokens is None]
    if not raw:
        return
    from imcap.data.words.tokenizer import tokenize_strings

    texts = [picture.captions or [] for picture in raw]
    rows = iter(tokenize_strings(itertools.chain.from_iterable(texts)))
    for picture, of_picture in zip(raw, texts, strict=True):
        picture.tokens = [next(rows) for _ in of_picture]
    captions = [words for picture in raw for words in picture.tokens or []]
    if not lacks_spaces(captions):
        return
    for picture in raw:
        picture.tokens = [split_characters(c) for c in picture.tokens or []]
    notes.append(
        "captions have no spaces between words: each character is a word; "
        "for other words, put spaces between them"
    )


def _drop_empty_captions(pictures: list[Picture], notes: list[str]) -> None:
    """Leaves out captions without a word."""
    dropped: collections.Counter[int | str] = collections.Counter()
    for picture in pictures:
        tokens = picture.tokens or []
        full = [i for i, words in enumerate(tokens) if words]
        dropped[picture.image_id] += len(tokens) - len(full)
        picture.tokens = [tokens[i] for i in full]
        if picture.captions is not None:
            picture.captions = [picture.captions[i] for i in full]
    dropped = +dropped
    if dropped:
        notes.append(
            f"{dropped.total()} empty captions left out (first: of image "
            f"{next(iter(dropped))})"
        )


def _drop_bare_pictures(
    pictures: list[Picture], notes: list[str]
) -> list[Picture]:
    """Leaves out images without captions."""
    others = [p for p in pictures if p.split not in TRAINING_SPLITS]
    for name in dict.fromkeys(picture.split for picture in others):
        of_split = [picture for picture in others if picture.split == name]
        _without_bare(of_split, f"images of {name}", notes)
    training = [p for p in pictures if p.split in TRAINING_SPLITS]
    _without_bare(training, "training images", notes)
    return [picture for picture in pictures if picture.tokens]


def _without_bare(
    pictures: list[Picture], what: str, notes: list[str]
) -> list[Picture]:
    bare = [picture for picture in pictures if not picture.tokens]
    if bare:
        notes.append(
            f"{len(bare)} {what} left out: no captions "
            f"(first: {bare[0].image_id})"
        )
    return [picture for picture in pictures if picture.tokens]

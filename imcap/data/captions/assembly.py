"""Assembly of a checked `CaptionSet` from the pictures of a parsed file."""

import collections
import dataclasses
import hashlib
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from imcap.data.captions.caption_set import SPLITS, TRAINING_SPLITS, CaptionSet
from imcap.data.words.unspaced import lacks_spaces, split_characters
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import StrPath

SPLIT_NAMES = {name: name for name in SPLITS} | {
    "training": "train",
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}

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
    """

    image_id: int | str
    file: str
    captions: list[str] | None
    tokens: list[list[str]] | None = None
    split: str | None = None
    size: tuple[int, int] | None = None


def parse_split(name: str, where: str | Path) -> str:
    """The split of `SPLITS` that 'dev' and the like mean, or InputError."""
    split = SPLIT_NAMES.get(str(name).strip().lower())
    if split is None:
        raise InputError(
            f"{where}: unknown split {name!r}; use {', '.join(SPLITS)}"
        )
    return split


def assemble(
    path: Path,
    pictures: list[Picture],
    vocabulary: Vocabulary | None = None,
    *,
    split_files: Sequence[StrPath] = (),
    split: str | None = None,
    num_val: int | None = None,
    num_test: int | None = None,
) -> CaptionSet:
    """Checks pictures, splits and tokenises them.

    Args:
        path: the source, for messages.
        pictures: list of `Picture`.
        vocabulary: the `Vocabulary` that numbered their words, or None.
        split_files, split, num_val, num_test: see `read_captions`.

    Returns:
        A `CaptionSet`. An empty caption, and an image without captions
        that is for training or that no source put into a split, is left
        out and counted in its notes.

    Raises:
        InputError: no images, one id twice, an image of val or test without
            captions (scores would silently be over fewer images), splits
            asked for that the file already has.
    """
    _check_unique(path, pictures)
    drawn = all(picture.split is None for picture in pictures)
    notes: list[str] = []
    _tokenise(pictures, notes)
    _drop_empty_captions(pictures, notes)
    if split_files:
        pictures = _split_by_lists(path, pictures, split_files, notes)
    elif split is not None:
        for picture in pictures:
            picture.split = parse_split(split, path)
    else:
        pictures = _split_by_source(path, pictures, notes, num_val, num_test)
    pictures = _drop_bare_pictures(path, pictures, notes)
    if not pictures:
        raise InputError(f"{path}: no image with captions is left in it")
    drawn = not split_files and split is None and drawn
    raw = [p.captions for p in pictures if p.captions is not None]
    sizes = [p.size for p in pictures if p.size is not None]
    return CaptionSet(
        [picture.image_id for picture in pictures],
        [picture.file for picture in pictures],
        [str(picture.split) for picture in pictures],
        [picture.tokens or [] for picture in pictures],
        raw if len(raw) == len(pictures) else None,
        sizes if len(sizes) == len(pictures) else None,
        tuple(notes),
        vocabulary,
        drawn,
    )


def _check_unique(path: Path, pictures: list[Picture]) -> None:
    files: dict[int | str, Picture] = {}
    for picture in pictures:
        other = files.setdefault(picture.image_id, picture).file
        if files[picture.image_id] is not picture:
            raise InputError(
                f"{path}: image id {picture.image_id} appears twice "
                f"({other} and {picture.file}); give each image its own id"
            )


def _split_by_source(
    path: Path,
    pictures: list[Picture],
    notes: list[str],
    num_val: int | None,
    num_test: int | None,
) -> list[Picture]:
    """The splits that the file itself has, or else hashed ones."""
    bare = [picture for picture in pictures if picture.split is None]
    if bare and len(bare) < len(pictures):
        raise InputError(
            f"{path}: image {bare[0].image_id} has no split though others "
            "have one; fill it in for all or for none"
        )
    counts = {"num_test": num_test, "num_val": num_val}
    drawn = [f"--{name}" for name, n in counts.items() if n is not None]
    if drawn and not bare:
        raise InputError(
            f"{path}: the file has its own splits; leave out "
            + " and ".join(drawn)
        )
    if bare:
        # Nobody promised these images to a test split, so none is missed.
        pictures = _without_bare(pictures, "images", notes)
        ids = [picture.image_id for picture in pictures]
        names = hash_splits(ids, num_val, num_test)
        for picture, name in zip(pictures, names, strict=True):
            picture.split = name
        each = ", ".join(f"{names.count(name)} for {name}" for name in DRAWN)
        notes.append(f"the file has no splits; drawn by id: {each}")
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
    path: Path,
    pictures: list[Picture],
    split_files: Sequence[StrPath],
    notes: list[str],
) -> list[Picture]:
    """Keeps the pictures that a list names, one list per split."""
    listed: dict[str, str] = {}
    for file in map(Path, split_files):
        name = _split_of_list(file)
        for line in _lines(file):
            if listed.setdefault(line, name) != name:
                raise InputError(
                    f"{file}: {line} is also listed for {listed[line]}; "
                    "an image belongs to one split"
                )
    kept = []
    matched = set()
    for picture in pictures:
        relative = posix_path(picture.file)
        names = (
            picture.file, relative.name, relative.stem, str(picture.image_id)
        )  # fmt: skip
        key = next((one for one in names if one in listed), None)
        if key is not None:
            matched.add(key)
            picture.split = listed[key]
            kept.append(picture)
    unlisted = len(pictures) - len(kept)
    if unlisted:
        notes.append(f"{unlisted} images left out: in no split list")
    _note_absent(path, listed, matched, notes)
    return kept


def _note_absent(
    path: Path, listed: dict[str, str], matched: set[str], notes: list[str]
) -> None:
    """Listed images without captions: counted in training, else fatal."""
    absent = [name for name in listed if name not in matched]
    for name in absent:
        if listed[name] not in TRAINING_SPLITS:
            raise InputError(
                f"{path}: no caption for {name}, which is listed for "
                f"{listed[name]}; add one or take it off the list"
            )
    if absent:
        notes.append(
            f"{len(absent)} listed training images left out: no captions "
            f"(first: {absent[0]})"
        )


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file}: cannot be read as a list of images ({error}); give a "
            "text file with one file name per line"
        ) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _split_of_list(file: Path) -> str:
    """The split that a list is for, by its name."""
    for pattern, split in (
        ("restval", "restval"),
        ("train", "train"),
        ("dev|val", "val"),
        ("test", "test"),
    ):
        if re.search(pattern, file.name.lower()):
            return split
    raise InputError(
        f"{file}: which split is it for? Put train, restval, val, dev or "
        "test into its name"
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
    path: Path, pictures: list[Picture], notes: list[str]
) -> list[Picture]:
    """Leaves out training images without captions; elsewhere an error."""
    for picture in pictures:
        if not picture.tokens and picture.split not in TRAINING_SPLITS:
            raise InputError(
                f"{path}: image {picture.image_id} ({picture.file}) of the "
                f"{picture.split} split has no caption; add one or take the "
                "image out"
            )
    return _without_bare(pictures, "training images", notes)


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

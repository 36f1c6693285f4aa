"""In how many images' captions each n-gram occurs."""

import contextlib
import dataclasses
import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imcap.data.captions.caption_set import EncodedCaptions
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import StrPath, atomic_write

LONGEST = 4
LARGEST_VOCABULARY = 65_535
REMEDY = "make it anew from captions numbered with this vocabulary"

# Part of the name of a stored table: another number, another counting.
VERSION = 1


@dataclasses.dataclass(frozen=True)
class DocumentFrequencies:
    """Document frequencies of n-grams, as CIDEr weighs them by.

    N-grams of 1 to 4 words with the number of images that have them.

    Args:
        ngrams: uint16 (M, 4), all different: words as id + 1, and 0 behind
            an n-gram of fewer than four words.
        counts: int32 (M,), images in whose captions an n-gram occurs, each
            image once however often its captions say it.
        images: int, number of all images.
        fingerprint: str, that of the vocabulary behind the ids.
    """

    ngrams: np.ndarray
    counts: np.ndarray
    images: int
    fingerprint: str

    def __len__(self) -> int:
        """Number of n-grams M."""
        return len(self.counts)

    def save(self, path: StrPath) -> None:
        """Writes an .npz file, whole or not at all."""
        with atomic_write(path, ".npz") as partial:
            np.savez(partial, **dataclasses.asdict(self))

    @classmethod
    def load(
        cls, path: StrPath, vocabulary: Vocabulary
    ) -> "DocumentFrequencies":
        """Reads what `save` wrote.

        Raises:
            InputError: the file is missing or cut short, or was made with
                another vocabulary.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        try:
            with (
                open(path, "rb") as raw,
                np.load(raw, allow_pickle=False) as file,
            ):
                values = {name: file[name] for name in names}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; {REMEDY}") from None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            raise InputError(
                f"{path}: not a whole table of n-grams; {REMEDY}"
            ) from None
        if str(values["fingerprint"]) != vocabulary.fingerprint:
            raise InputError(
                f"{path}: its n-grams were numbered with another vocabulary; "
                f"{REMEDY}"
            )
        values["images"] = int(values["images"])
        values["fingerprint"] = vocabulary.fingerprint
        return cls(**values)


def count_ngrams(
    captions: Sequence[Sequence[np.ndarray]], vocabulary: Vocabulary
) -> DocumentFrequencies:
    """Counts document frequencies of n-grams, one eos behind each caption.

    Args:
        captions: list (images) of lists (captions) of int arrays (length,),
            as `EncodedCaptions.captions`: without bos, eos and padding.
        vocabulary: the `Vocabulary` that numbered them.

    Returns:
        `DocumentFrequencies`, sorted by number of words and then by ids.

    Raises:
        InputError: no captions, or more than 65,535 words.

    Example:
        >>> training = read_captions("dataset.json").split("train")
        >>> count_ngrams(training.encode(vocabulary, None).captions, vocabulary)
    """
    if vocabulary.size > LARGEST_VOCABULARY:
        raise InputError(
            f"n-grams are counted for up to {LARGEST_VOCABULARY:,} words, the "
            f"vocabulary has {vocabulary.size:,}; count rare words as UNK"
        )
    flat = [ids for image in captions for ids in image]
    if not flat:
        raise InputError("there are no captions to count n-grams of")
    lengths = np.array([len(ids) + 1 for ids in flat])
    ends = np.cumsum(lengths) - 1
    words = np.full(lengths.sum(), vocabulary.eos_id, "uint64")
    is_word = np.ones(words.shape, "bool")
    is_word[ends] = False
    words[is_word] = np.concatenate(flat)
    owners = np.repeat(np.arange(len(captions)), [len(c) for c in captions])
    images = np.repeat(owners, lengths)
    left = np.repeat(ends, lengths) - np.arange(len(words))  # words behind
    found = [_count(words, images, left, n) for n in range(1, LONGEST + 1)]
    packed, counts = map(np.concatenate, zip(*found, strict=True))
    shifts = np.array([48, 32, 16, 0], "uint64")
    ngrams = (packed[:, None] >> shifts).astype("uint16")  # the lowest bits
    return DocumentFrequencies(
        ngrams, counts.astype("int32"), len(captions), vocabulary.fingerprint
    )


def _count(
    words: np.ndarray, images: np.ndarray, left: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct n-grams of one length, packed, and their image counts."""
    starts = np.flatnonzero(left >= length - 1)
    packed = np.zeros(len(starts), "uint64")
    for place in range(length):
        shift = np.uint64(48 - 16 * place)
        packed |= (words[starts + place] + np.uint64(1)) << shift
    # A stable sort leaves the images of each n-gram in order.
    order = np.argsort(packed, kind="stable")
    packed, images = packed[order], images[starts[order]]
    is_new = np.diff(packed, prepend=~packed[:1]) != 0
    is_new_image = is_new | (np.diff(images, prepend=-1) != 0)
    firsts = np.flatnonzero(is_new)
    return packed[firsts], np.add.reduceat(is_new_image, firsts, dtype="int64")


def cached_frequencies(
    folder: StrPath, captions: EncodedCaptions, vocabulary: Vocabulary
) -> DocumentFrequencies:
    """Document frequencies of training captions, cached on disk.

    The file's name holds a hash of captions and vocabulary, so that other
    captions never find it.

    Args:
        folder: where to keep the file, for example that of the captions; a
            folder that cannot be written to only costs time.
        captions: `EncodedCaptions`.
        vocabulary: the `Vocabulary` that numbered them.

    Returns:
        `DocumentFrequencies`.
    """
    digest = hashlib.sha256(f"{VERSION} {vocabulary.fingerprint}".encode())
    digest.update(captions.starts().tobytes())
    for ids in captions.flat():
        digest.update(len(ids).to_bytes(4, "little"))
        digest.update(np.asarray(ids, "<i4").tobytes())
    path = Path(folder) / f"ngrams-{digest.hexdigest()[:20]}.npz"
    with contextlib.suppress(InputError):
        return DocumentFrequencies.load(path, vocabulary)
    found = count_ngrams(captions.captions, vocabulary)
    with contextlib.suppress(OSError):
        found.save(path)
    return found

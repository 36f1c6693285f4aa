"""Words that the captions of a picture say, counted."""

from collections.abc import Iterable, Sequence

import numpy as np

from imcap.data.words.vocabulary import Vocabulary


def count_picture_words(
    captions: Iterable[Sequence[str]],
    image_of: np.ndarray,
    images: int,
    vocabulary: Vocabulary,
) -> tuple[np.ndarray, np.ndarray]:
    """Which words the captions of each picture say.

    Args:
        captions: C lists of words.
        image_of: int (C,), the picture of each.
        images: N.
        vocabulary: V words.

    Returns:
        Float32 (N, V), 1 where any caption says the word; and the share of
        the captions that do. Words without meaning of their own are 0.
    """
    said = np.zeros((images, vocabulary.size), "float32")
    share = np.zeros_like(said)
    counts = np.bincount(image_of, minlength=images)
    for image, words in zip(image_of, captions, strict=True):
        ids = np.unique(np.asarray(vocabulary.encode(words), "int64"))
        said[image, ids] = 1.0
        share[image, ids] += 1.0 / counts[image]
    special = [
        vocabulary.pad_id, vocabulary.bos_id, vocabulary.eos_id,
        vocabulary.unk_id,
    ]  # fmt: skip
    said[:, special] = share[:, special] = 0.0
    return said, share

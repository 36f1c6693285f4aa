"""Words that the captions of a picture say, counted."""

from collections.abc import Iterable, Sequence

import numpy as np

from imcap.data.words.vocabulary import Vocabulary


class WordRows:
    """Numbers of pictures' words (N, V), nearly all 0, dense by the slice.

    All words of a hundred thousand pictures, dense, would be gigabytes.

    Args:
        begins: int64 (N + 1,), where each picture's words begin.
        ids: int64 (W,), the words that are not 0, picture after picture.
        values: float32 (W,), their numbers.
        width: V.

    Example:
        >>> rows[:512].shape
        (512, 2531)
    """

    def __init__(
        self,
        begins: np.ndarray,
        ids: np.ndarray,
        values: np.ndarray,
        width: int,
    ):
        self.begins = begins
        self.ids = ids
        self.values = values
        self.width = width

    def __len__(self) -> int:
        return len(self.begins) - 1

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Some pictures' numbers, float32 (n, V)."""
        first, stop, _ = rows.indices(len(self))
        counts = np.diff(self.begins[first : stop + 1])
        words = slice(self.begins[first], self.begins[stop])
        dense = np.zeros((stop - first, self.width), "float32")
        places = np.repeat(np.arange(stop - first), counts)
        dense[places, self.ids[words]] = self.values[words]
        return dense

    def sum(self, axis: int = 0) -> np.ndarray:
        """Sums over the pictures, float64 (V,)."""
        if axis != 0:
            raise ValueError("sums are over pictures, axis 0")
        return np.bincount(self.ids, self.values, minlength=self.width)


def count_picture_words(
    captions: Iterable[Sequence[str]],
    image_of: np.ndarray,
    images: int,
    vocabulary: Vocabulary,
) -> tuple[WordRows, WordRows]:
    """Which words the captions of each picture say.

    Args:
        captions: C lists of words.
        image_of: int (C,), the picture of each.
        images: N.
        vocabulary: V words.

    Returns:
        `WordRows` (N, V), 1 where any caption says the word; and the share of
        the captions that do. Words without meaning of their own are 0.
    """
    special = {
        vocabulary.pad_id, vocabulary.bos_id, vocabulary.eos_id,
        vocabulary.unk_id,
    }  # fmt: skip
    counts = np.bincount(image_of, minlength=images)
    heard: list[dict[int, float]] = [{} for _ in range(images)]
    for image, words in zip(image_of, captions, strict=True):
        of_image = heard[image]
        for word in set(vocabulary.encode(words)) - special:
            of_image[word] = of_image.get(word, 0.0) + 1.0 / counts[image]
    lengths = np.array([len(each) for each in heard], "int64")
    begins = np.append(0, np.cumsum(lengths))
    ids = np.array([word for each in heard for word in each], "int64")
    share = np.array([s for each in heard for s in each.values()], "float32")
    said, width = np.ones_like(share), vocabulary.size
    return (
        WordRows(begins, ids, said, width),
        WordRows(begins, ids, share, width),
    )

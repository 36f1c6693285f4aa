"""Recall at K of retrieval in both directions, from a matrix of scores."""

import math

import numpy as np

LEVELS = (1, 5, 10)


BLOCK_BYTES = 1 << 26


def top_k(scores, count):
    """Places of the highest scores, the first of equal ones first.

    Args:
        scores: (..., M) float.
        count: int.

    Returns:
        int64 (..., n), n at most `count`, best first.

    Example:
        >>> top_k(np.array([1.0, 3.0, 3.0]), 2)
        array([1, 2])
    """
    return np.argsort(-scores, axis=-1, kind="stable")[..., :count]


def retrieval_ranks(scores, image_of):
    """Ranks of the right answers in both directions, counted from 0.

    An image is answered by the best of its own captions; its rank is the
    number of captions of other images that score as much or more. A caption
    is answered by its image; its rank is the number of other images that
    score as much or more. So a tie, a duplicate and a value that is not a
    number count against the model, and the order of images and captions
    does not matter.

    Args:
        scores: (N, M) float, images by captions; may be mapped into memory,
            a few rows are read at a time.
        image_of: (M,) int, the image of each caption; every image has one.

    Returns:
        image_to_text: int64 (N,).
        text_to_image: int64 (M,).

    Raises:
        ValueError: shapes that do not fit, an image without a caption.

    Example:
        >>> retrieval_ranks(np.array([[0.9, 0.1], [0.2, 0.2]]), [0, 1])
        (array([0, 1]), array([0, 0]))
    """
    image_of = np.asarray(image_of, "int64")
    count, captions = scores.shape
    if image_of.shape != (captions,):
        raise ValueError(f"{captions} columns for {image_of.shape} owners")
    if captions and not 0 <= image_of.min() <= image_of.max() < count:
        raise ValueError(f"a caption is of an image beyond the {count} rows")
    if (np.bincount(image_of, minlength=count) == 0).any():
        raise ValueError("an image has no caption")
    right = np.empty(captions, scores.dtype)  # score of the right image
    image_to_text = np.empty(count, "int64")
    for first, block, own in _blocks(scores, image_of):
        _, columns = np.nonzero(own)
        right[columns] = block[own]
        # maximum would pass NaN on; then nothing else is below it either.
        best = np.max(np.where(own, block, -np.inf), axis=1, keepdims=True)
        ahead = ~(block < best) & ~own
        image_to_text[first : first + len(block)] = ahead.sum(axis=1)
    text_to_image = np.zeros(captions, "int64")
    for _, block, own in _blocks(scores, image_of):
        text_to_image += (~(block < right) & ~own).sum(axis=0)
    return image_to_text, text_to_image


def _blocks(scores, image_of):
    """Yields (first row, rows, which of their entries are right)."""
    step = max(1, BLOCK_BYTES // max(1, scores.shape[1] * 8))
    for first in range(0, len(scores), step):
        block = np.asarray(scores[first : first + step])
        rows = np.arange(first, first + len(block))
        yield first, block, image_of[None, :] == rows[:, None]


def recalls(ranks):
    """Recall at 1, 5 and 10 in percent; median and mean rank, from 1.

    Args:
        ranks: (n,) int, counted from 0.

    Returns:
        Dict of float.

    Example:
        >>> recalls(np.array([0, 3, 40]))["R@5"]
        66.66666666666667
    """
    ranks = np.asarray(ranks)
    values = {f"R@{k}": 100.0 * float(np.mean(ranks < k)) for k in LEVELS}
    values["median"] = float(math.floor(np.median(ranks)) + 1)
    values["mean"] = float(ranks.mean() + 1)
    return values


def retrieval_metrics(scores, image_of):
    """Recalls, median and mean ranks of both directions, and rsum.

    Args:
        scores: see `retrieval_ranks`.
        image_of: see `retrieval_ranks`.

    Returns:
        Dict of image_to_text and text_to_image, each of `recalls`, and
        rsum, the sum of their six recalls.
    """
    directions = [recalls(ranks) for ranks in retrieval_ranks(scores, image_of)]
    names = ("image_to_text", "text_to_image")
    rsum = sum(one[f"R@{k}"] for one in directions for k in LEVELS)
    return dict(zip(names, directions, strict=True)) | {"rsum": rsum}


def average_metrics(results):
    """The mean of several results of `retrieval_metrics`, entry by entry.

    Args:
        results: list of them, one a fold.

    Returns:
        A dict of the same names.
    """
    values = {}
    for name, first in results[0].items():
        entries = [one[name] for one in results]
        if isinstance(first, dict):
            values[name] = average_metrics(entries)
        else:
            values[name] = float(np.mean(entries))
    return values

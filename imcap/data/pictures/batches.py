"""Batches of pictures decoded in threads, prefetched."""

import collections
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from imcap.data.pictures.decoding import load_pixels
from imcap.data.pictures.listing import ImageList
from imcap.errors import InputError

# The rows that could be read, their pixels, and (row, reason) of the others.
Decoded = tuple[list[int], list[np.ndarray], list[tuple[int, str]]]
Waiting = tuple[int, Path, "Future[np.ndarray]"]
AHEAD = 2  # batches decoded or being decoded beside the current one


def decode_batches(
    images: ImageList,
    rows: Sequence[int] | np.ndarray,
    image_size: int,
    batch_size: int,
    max_pixels: int | None,
    workers: int = 2,
) -> Iterator[Decoded]:
    """Decodes pictures in threads, in the order of `rows`.

    Threads suffice: TensorFlow decodes outside Python's lock. Unlike a
    `tf.data` pipeline they hand over the reason why a file is bad.

    Args:
        images: an `ImageList`.
        rows: (m,) int, which of its pictures.
        image_size: side in pixels.
        batch_size: pictures a batch.
        max_pixels: see `imcap.data.pictures.encoded.read_encoded`.
        workers: threads.

    Yields:
        (good, pixels, bad): list of rows; list of as many (image_size,
        image_size, 3) float32 arrays; list of (row, reason).
    """

    def load(row: int) -> np.ndarray:
        path, crop = images.paths[row], None
        if images.crops is not None:
            crop = images.crops[row]
        return load_pixels(path, image_size, image_size, max_pixels, crop)

    pool = ThreadPoolExecutor(workers)
    waiting: collections.deque[list[Waiting]] = collections.deque()
    try:
        for start in range(0, len(rows), batch_size):
            batch = [int(row) for row in rows[start : start + batch_size]]
            waiting.append(
                [
                    (row, images.paths[row], pool.submit(load, row))
                    for row in batch
                ]
            )
            if len(waiting) > AHEAD:
                yield _collected(waiting.popleft())
        while waiting:
            yield _collected(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _collected(batch: list[Waiting]) -> Decoded:
    good: list[int] = []
    pixels: list[np.ndarray] = []
    bad: list[tuple[int, str]] = []
    for row, path, future in batch:
        try:
            pixels.append(future.result())
            good.append(row)
        except InputError as error:
            # The list of bad pictures names the file beside the reason.
            bad.append((row, str(error).removeprefix(f"{path}: ")))
    return good, pixels, bad

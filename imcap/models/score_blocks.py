"""SCAN's scores of many pictures with many captions, block by block."""

import keras
import numpy as np
from keras import ops

# A block's words, and the numbers of its score tensor: small enough that
# what is done to the scores after the product finds them in the cache.
WORDS = 768
NUMBERS = 900_000
# Rows of numbers of this many fill whole registers.
EVEN = 16


def score_blocks(
    scan,
    images,
    captions,
    image_mask=None,
    lengths=None,
    memory=256e6,
    scorer=None,
):
    """Scores of all pairs, block by block, captions of one length together.

    Args:
        scan: a `Scan` or another matcher with `block_scorer`.
        images: float array (N, K, E) from `encode_images`, or anything whose
            slices are such arrays; read once, in order.
        captions: float array (M, T, E) from `encode_captions`; or the words
            of all captions side by side, (W, E). Read once for every block
            of rows.
        image_mask: boolean array (N, K), True = a region; None keeps all.
        lengths: int array (M,), words of each caption; None: T of them.
        memory: float, bytes to use at most besides what is passed in, as
            far as one block allows it.
        scorer: what `block_scorer` gave, kept for several calls so that
            each shape is compiled once; None makes one.

    Yields:
        rows: slice of the images.
        columns: int array of captions.
        scores: float32 array (rows, columns).

    Raises:
        ValueError: a caption without words, or lengths that do not match.

    Example:
        >>> scores = np.empty((len(images), len(captions)), "float32")
        >>> for rows, columns, block in score_blocks(scan, images, captions):
        ...     scores[rows, columns] = block
    """
    groups = list(_groups(captions, lengths))
    count, regions = len(images), images.shape[1]
    chunk = max(1, NUMBERS // (regions * WORDS))
    rows = _rows(count, chunk, images.shape[1:], memory)
    scorer = scan.block_scorer() if scorer is None else scorer
    for first in range(0, count, rows):
        stop = min(first + rows, count)
        mask = None if image_mask is None else image_mask[first:stop]
        prepared = scorer.prepare(images[first:stop], mask, chunk)
        for columns, words in groups:
            scores = scorer.predict_on_batch(
                prepared | {"captions": words(captions)}
            )
            yield slice(first, stop), columns, scores[: stop - first]


def _rows(count, chunk, shape, memory):
    """Images a block of rows: a multiple of `chunk`."""
    # As they come, as tensors, and once more while they are rearranged;
    # the scores and whatever one chunk needs are small beside them.
    each = 4 * 4 * int(np.prod(shape))
    room = max(chunk, int(memory / each))
    return min(room, -(-count // chunk) * chunk) // chunk * chunk


def _groups(captions, lengths):
    """Blocks of captions of one length: columns, and how to read them."""
    packed = len(captions.shape) == 2
    if lengths is None:
        if packed:
            raise ValueError("words side by side need the captions' lengths")
        lengths = np.full(len(captions), captions.shape[1])
    lengths = np.asarray(lengths)
    covered = lengths.sum() if packed else len(lengths)
    longest = len(captions) if packed else captions.shape[1]
    if covered != len(captions) or np.any(lengths > longest):
        raise ValueError("the captions' lengths do not match their words")
    if np.any(lengths < 1):
        raise ValueError("a caption without words has no score")
    starts = np.cumsum(lengths) - lengths
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        size = max(1, WORDS // int(length))
        size -= size % EVEN if size > EVEN else 0
        for first in range(0, len(members), size):
            columns = members[first : first + size]
            begins = starts[columns] if packed else None
            yield columns, _reader(columns, begins, int(length))


def _reader(columns, begins, length):
    """A function of all captions to an array (columns, length, E)."""
    if begins is None:
        return lambda captions: captions[columns, :length]
    words = begins[:, None] + np.arange(length)
    return lambda captions: captions[words]


class ChunkScores(keras.Model):
    """Compares chunk after chunk of images with a group of captions.

    Args:
        scan: a `Scan`.
        jit_compile: bool, compile with XLA: once for every length of
            caption, which only many images repay.

    Call arguments:
        inputs: dict of what `prepare` made and captions (M, L, E).

    Returns:
        Float32 tensor (images, M).

    Example:
        >>> blocks = score_blocks(scan, *embedded, scorer=ChunkScores(scan))
    """

    def __init__(self, scan, jit_compile=False):
        super().__init__(name="chunk_scores")
        self.attention = scan.attention
        self.words_look = scan.cross_attn == "t2i"
        self.built = True
        self.compile(jit_compile=jit_compile)

    def prepare(self, images, mask, chunk):
        """Images in S chunks, with what does not depend on captions."""
        missing = -len(images) % chunk
        if mask is None:
            mask = np.ones(images.shape[:2], "bool")
        if not np.all(mask):
            images = np.where(mask[..., None], images, 0)
        images = _in_chunks(images, chunk, missing)
        images = ops.convert_to_tensor(images, self.attention.compute_dtype)
        if self.words_look:
            gram = ops.map(self.attention.gram, images)
            inputs = {"images": images, "gram": gram}
        else:
            inputs = ops.map(self.attention.arrange, images)
        if not np.all(mask):
            inputs["mask"] = ops.convert_to_tensor(
                _in_chunks(mask, chunk, missing)
            )
        return inputs

    def call(self, inputs):
        captions = ops.cast(inputs["captions"], self.attention.compute_dtype)
        chunks = {k: v for k, v in inputs.items() if k != "captions"}
        if self.words_look:
            queries = self.attention.arrange(captions)

            def compare(now):
                mask = now.get("mask")
                return self.attention.compare(
                    now["images"], queries, mask, gram=now["gram"]
                )
        else:
            gram = self.attention.gram(captions)

            def compare(now):
                mask = now.pop("mask", None)
                scores = self.attention.compare(
                    captions, now, query_mask=mask, gram=gram
                )
                return ops.transpose(scores)

        scores = ops.map(compare, chunks)  # (S, chunk, M)
        return ops.reshape(scores, (-1, ops.shape(captions)[0]))


class PooledScores:
    """Compares means of locations with sums of words, by one product.

    For a matcher whose score is the mean, over locations, of the sum, over
    words, of their products.

    Example:
        >>> blocks = score_blocks(ridge, *embedded, scorer=PooledScores())
    """

    def prepare(self, images, mask, chunk):
        """The mean over the locations (B, K) that a mask keeps: (B, E)."""
        images = np.asarray(images, "float32")
        if mask is None:
            return {"images": images.mean(axis=1)}
        keep = np.asarray(mask, "float32")[..., None]
        count = np.maximum(keep.sum(axis=1), 1.0)
        return {"images": (images * keep).sum(axis=1) / count}

    def predict_on_batch(self, inputs):
        """Scores float32 (B, M) of `prepare`'s images with captions."""
        return inputs["images"] @ inputs["captions"].sum(axis=1).T


class SummedScores:
    """Adds what compares the whole of pictures and captions to a scorer.

    Args:
        local: the scorer of the first `size` numbers of each embedding.
        size: int, E.
        weight: float, what the scores of the rest count, by `PooledScores`.

    Example:
        >>> scorer = SummedScores(ChunkScores(scan), scan.embed_size, 1.0)
    """

    def __init__(self, local, size, weight):
        self.local = local
        self.pooled = PooledScores()
        self.size = size
        self.weight = weight

    def prepare(self, images, mask, chunk):
        """What the two scorers prepare."""
        images = np.asarray(images, "float32")
        local = self.local.prepare(images[..., : self.size], mask, chunk)
        whole = self.pooled.prepare(images[..., self.size :], mask, chunk)
        return {"local": local, "whole": whole}

    def predict_on_batch(self, inputs):
        """Scores float32 (B, M) of `prepare`'s images with captions."""
        captions = np.asarray(inputs["captions"])
        local = self.local.predict_on_batch(
            inputs["local"] | {"captions": captions[..., : self.size]}
        )
        whole = self.pooled.predict_on_batch(
            inputs["whole"] | {"captions": captions[..., self.size :]}
        )
        return local[: len(whole)] + self.weight * whole


def _in_chunks(values, chunk, missing):
    """Rows (N, …) as (S, chunk, …), with `missing` rows of zeros behind."""
    padding = [(0, missing)] + [(0, 0)] * (len(values.shape) - 1)
    padded = np.pad(values, padding) if missing else values
    return np.reshape(padded, (-1, chunk, *values.shape[1:]))

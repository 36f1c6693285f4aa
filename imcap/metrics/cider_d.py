"""CIDEr-D of word ids, computed inside the graph."""

from keras import ops

from imcap.metrics.cider import LONGEST, SIGMA
from imcap.metrics.frequency_table import (
    LARGEST_VOCABULARY,
    FrequencyTable,
    frequency_table,
    ngram_weights,
)
from imcap.metrics.ngrams import compare_ngrams, float_reference_mask


class CiderD:
    """CIDEr-D against each image's references, with given frequencies.

    For each n from 1 to 4 a caption c is the vector
    `g_n(c) = count * (log images - log max(1, df))` over its n-grams, the
    end included as a word, and

        score = 10 / 4 * mean over references r of exp(-d^2 / (2 * 6^2))
                * sum over n of min(g_n(c), g_n(r)) . g_n(r)
                / (|g_n(c)| |g_n(r)|)

    with d the difference in number of bigrams. All of it is tensor
    operations, so it compiles into a training step; no 64-bit integers are
    needed. `imcap.metrics.cider` scores words instead, with frequencies
    taken from the references themselves.

    Args:
        ngrams: uint16 array (M, 4), all different: words as id + 1, and 0
            behind an n-gram of fewer than four words.
        counts: array (M,), images in whose captions an n-gram occurs.
        images: int, number of images counted.
        vocabulary_size: int, at most 65,535: a word has 16 bits.
        pad_id: int, fills rows behind a caption's end.
        eos_id: int, ends a caption.

    Call arguments:
        samples: int tensor (B, N, T). A caption ends with its first eos or
            pad, which counts as its last word; one without fills its row
            and has no end.
        references: int tensor (B, R, S), likewise. N, T and S must be known
            when a graph is traced.
        reference_mask: boolean tensor (B, R), True = keep; None: a row of
            nothing but padding is no reference.

    Returns:
        float32 (B, N), from 0 to 10; 0 for an image without references.

    Raises:
        ValueError: the vocabulary is larger than 65,535 words, an n-gram is
            listed twice or counted in more images than there are.

    Attributes:
        table: a `FrequencyTable` of tensors. Under JAX a large one is
            better passed through `jax.jit` as an argument of `cider_d`
            than closed over.

    Example:
        >>> ngrams = np.array([[5, 0, 0, 0], [5, 1, 0, 0]], "uint16")
        >>> score = CiderD(ngrams, counts=[3, 1], images=9, vocabulary_size=7)
        >>> score(samples=ops.array([[[4, 0]]]), references=[[[4, 0]]])
        [[10.]]

    Reference: Vedantam, Zitnick and Parikh (2015), section "CIDEr-D", with
    the variations of the code that self-critical training uses: the end is
    a word, and d is of bigrams rather than words.
    """

    def __init__(
        self, ngrams, counts, images, vocabulary_size, pad_id=0, eos_id=0
    ):
        if vocabulary_size > LARGEST_VOCABULARY:
            raise ValueError(
                f"CIDEr-D in the graph knows up to {LARGEST_VOCABULARY:,} "
                f"words, the vocabulary has {vocabulary_size:,}; count rare "
                "words as UNK"
            )
        table = frequency_table(ngrams, counts, images)
        self.table = FrequencyTable(*map(ops.convert_to_tensor, table))
        self.pad_id = pad_id
        self.eos_id = eos_id

    def __call__(self, samples, references, reference_mask=None):
        mask = float_reference_mask(references, reference_mask, self.pad_id)
        overlap = compare_ngrams(samples, references, self.pad_id, self.eos_id)
        return cider_d(self.table, overlap, mask)


def cider_d(table, overlap, mask):
    """CIDEr-D from n-gram counts and a table of weights, a pure function.

    Args:
        table: `FrequencyTable` of tensors.
        overlap: `ngrams.Overlap` of samples and references.
        mask: float32 (B, R), 1 where there is a reference.

    Returns:
        float32 (B, N).
    """
    count = overlap.count
    weights = ops.square(ngram_weights(table, overlap.tokens))
    weights = ops.where(overlap.complete, weights, 0.0)  # (4, B, N + R, T)
    # An n-gram that occurs c times stands at c places: c * c = sum of c.
    squares = ops.sum(overlap.own * weights, axis=-1)  # (4, B, N + R)
    inverse = ops.rsqrt(ops.where(squares > 0, squares, 1.0))
    own = overlap.own[:, :, :count]
    shares = weights[:, :, :count] / ops.maximum(own, 1.0)  # (4, B, N, T)
    clipped = ops.minimum(own[:, :, :, None], overlap.theirs) * overlap.theirs
    products = ops.sum(clipped * shares[:, :, :, None], axis=-1)
    cosines = (
        products * inverse[:, :, :count, None] * inverse[:, :, None, count:]
    )  # (4, B, N, R)
    bigrams = ops.maximum(overlap.lengths - 1.0, 0.0)
    difference = bigrams[:, :count, None] - bigrams[:, None, count:]
    damping = ops.exp(ops.square(difference) / (-2 * SIGMA**2))
    total = ops.sum(cosines, axis=0) * damping * mask[:, None]  # (B, N, R)
    number = ops.maximum(ops.sum(mask, axis=-1), 1.0)[:, None]
    return 10 / LONGEST * ops.sum(total, axis=-1) / number

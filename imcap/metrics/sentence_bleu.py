"""Sentence BLEU-4, computed inside the graph."""

from keras import ops

from imcap.metrics.cider import LONGEST
from imcap.metrics.ngrams import compare_ngrams, float_reference_mask

# What the COCO server's code adds to counts of zero.
TINY, SMALL = 1e-15, 1e-9


FAR = 1e6


class SentenceBleu:
    """Sentence BLEU-4 of each caption against its image's references.

        score = exp(min(0, 1 - r / c))
                * product over n of ((correct_n + 1e-15)
                                     / (guessed_n + 1e-9)) ^ (1 / 4)

    with c the caption's length, r the closest reference's (the shorter of
    two), and n-grams correct as often as the reference that has most of
    them. The end counts as a word.

    Args:
        pad_id: int, fills rows behind a caption's end.
        eos_id: int, ends a caption.

    Call arguments:
        samples: int tensor (B, N, T), as for `CiderD`.
        references: int tensor (B, R, S).
        reference_mask: boolean tensor (B, R), True = keep; None: a row of
            nothing but padding is no reference.

    Returns:
        float32 (B, N), from 0 to 1; 0 for an image without references.

    Example:
        >>> SentenceBleu()(ops.array([[[4, 5, 6, 0]]]), [[[4, 5, 6, 0]]])
        [[1.]]

    Reference: Papineni, Roukos, Ward and Zhu (2002), with the additions to
    single sentences of the COCO server's code.
    """

    def __init__(self, pad_id=0, eos_id=0):
        self.pad_id = pad_id
        self.eos_id = eos_id

    def __call__(self, samples, references, reference_mask=None):
        mask = float_reference_mask(references, reference_mask, self.pad_id)
        overlap = compare_ngrams(samples, references, self.pad_id, self.eos_id)
        return sentence_bleu(overlap, mask)


def sentence_bleu(overlap, mask):
    """Sentence BLEU-4 from n-gram counts, a pure function.

    Args:
        overlap: `ngrams.Overlap` of samples and references.
        mask: float32 (B, R), 1 where there is a reference.

    Returns:
        float32 (B, N).
    """
    count = overlap.count
    own = overlap.own[:, :, :count]  # (4, B, N, T)
    most = ops.max(overlap.theirs * mask[:, None, :, None], axis=3)
    shares = ops.minimum(most, own) / ops.maximum(own, 1.0)
    complete = overlap.complete[:, :, :count]
    correct = ops.sum(ops.where(complete, shares, 0.0), axis=-1)
    guessed = ops.sum(ops.cast(complete, "float32"), axis=-1)  # (4, B, N)
    # Logarithms: the product of four tiny numbers is no float32.
    precisions = ops.log(correct + TINY) - ops.log(guessed + SMALL)
    lengths = overlap.lengths[:, :count]
    closest = _closest_length(lengths, overlap.lengths[:, count:], mask)
    brevity = ops.minimum(0.0, 1.0 - closest / lengths)
    scores = ops.exp(ops.sum(precisions, axis=0) / LONGEST + brevity)
    return scores * ops.max(mask, axis=-1)[:, None]


def _closest_length(lengths, others, mask):
    """The length (B, N) out of `others` (B, R) that is nearest."""
    distance = ops.abs(lengths[:, :, None] - others[:, None])  # (B, N, R)
    distance = ops.where(mask[:, None] > 0, distance, FAR)
    nearest = ops.min(distance, axis=-1, keepdims=True)
    others = ops.where(ops.equal(distance, nearest), others[:, None], FAR)
    return ops.min(others, axis=-1)

"""Rewards of sampled captions: CIDEr-D and BLEU-4."""

from imcap.metrics.cider_d import cider_d
from imcap.metrics.ngrams import compare_ngrams, float_reference_mask
from imcap.metrics.sentence_bleu import sentence_bleu


class Reward:
    """Weighted sum of CIDEr-D (0..10) and the sentence's BLEU-4 (0..1).

    Args:
        cider: a `CiderD`, for its document frequencies and special ids.
        cider_weight, bleu_weight: floats; 0 leaves a part out.

    Call arguments:
        samples: int32 tensor (B, N, T).
        references: int32 tensor (B, R, S); a row of padding is none.

    Returns:
        float32 (B, N).

    Raises:
        ValueError: both weights are 0.

    Example:
        >>> reward = Reward(CiderD(ngrams, counts, 6000, 2538))
        >>> reward(samples, references)
    """

    def __init__(self, cider, cider_weight=1.0, bleu_weight=0.0):
        if not cider_weight and not bleu_weight:
            raise ValueError("a reward needs a weight other than 0")
        self.cider = cider
        self.cider_weight = cider_weight
        self.bleu_weight = bleu_weight

    def __call__(self, samples, references):
        pad_id, eos_id = self.cider.pad_id, self.cider.eos_id
        kept = float_reference_mask(references, None, pad_id)
        overlap = compare_ngrams(samples, references, pad_id, eos_id)
        total = 0.0
        if self.cider_weight:
            scores = cider_d(self.cider.table, overlap, kept)
            total = total + self.cider_weight * scores
        if self.bleu_weight:
            scores = sentence_bleu(overlap, kept)
            total = total + self.bleu_weight * scores
        return total

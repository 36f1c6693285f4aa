"""Caption: words of a picture, how likely they are, where each looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from imcap.data.words.vocabulary import Vocabulary


class Caption(NamedTuple):
    """One generated caption of L words.

    Attributes:
        words: list of L str.
        log_probabilities: float32 (L + 1,), of the words and of eos; (L,)
            where the caption was cut off.
        score: float, what captions of one picture are ordered by.
        attention: dict of arrays that begin with L + 1 (or L): "weights"
            (L + 1, K), "sentinel" (L + 1,) and the like.
        confidence: float in 0..1, how likely the caption is right; None
            where the run was not calibrated.
    """

    words: list[str]
    log_probabilities: np.ndarray
    score: float
    attention: dict[str, np.ndarray]
    confidence: float | None = None

    @classmethod
    def from_tokens(
        cls,
        tokens: np.ndarray,
        log_probs: np.ndarray,
        score: float,
        attention: Mapping[str, np.ndarray],
        vocabulary: Vocabulary,
        confidence: float | None = None,
    ) -> Caption:
        """The caption of decoded ids, cut behind its end.

        Args:
            tokens: int (T,).
            log_probs: float (T,).
            score: see the class.
            attention: dict of arrays (T, …).
            vocabulary: what turns ids into words.
            confidence: see the class.
        """
        ends = np.flatnonzero(tokens == vocabulary.eos_id)
        length = int(ends[0]) + 1 if len(ends) else len(tokens)
        return cls(
            vocabulary.decode(tokens),
            log_probs[:length],
            score,
            {name: part[:length] for name, part in attention.items()},
            confidence,
        )

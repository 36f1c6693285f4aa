"""Captions and attention as JSON values: plain numbers and words."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption

DIGITS = 4  # of attention and of log-probabilities


def caption_entry(
    caption: "Caption", threshold: float | None = None
) -> dict[str, Any]:
    """One caption as a dict for JSON.

    Args:
        caption: of L words.
        threshold: confidence below which it is not sure, or None.

    Returns:
        caption (str), log_probability of the words and the end, words: L
        dicts of word, log_probability and, where it is known, share, which
        is how much of the word came from the picture; shares: what that
        share and the rest are called, or None; attention: L lists of K
        weights, heads averaged, or None; where the run was calibrated,
        confidence, and sure: whether it reaches the threshold.
    """
    from imcap.drawing.maps import is_drawable, parse_attention

    words, parsed = caption.words, None
    if words and is_drawable(caption.attention):
        parsed = parse_attention(words, caption.attention)
    of_words = [
        {"word": word, "log_probability": round_decimals(chance)}
        for word, chance in zip(
            words, caption.log_probabilities[: len(words)], strict=True
        )
    ]
    shares = None
    if parsed and parsed.share is not None:
        shares = list(parsed.names)
        for entry, share in zip(of_words, parsed.share, strict=True):
            entry["share"] = round_decimals(share)
    attention = None
    if parsed and parsed.weights is not None:
        attention = round_decimals(parsed.weights.mean(axis=1))
    answer: dict[str, Any] = {
        "caption": " ".join(words),
        "log_probability": round_decimals(caption.log_probabilities.sum()),
        "words": of_words,
        "shares": shares,
        "attention": attention,
    }
    if caption.confidence is not None and threshold is not None:
        answer["confidence"] = round_decimals(caption.confidence)
        answer["sure"] = caption.confidence >= threshold
    return answer


def round_decimals(values: Any) -> Any:
    """Numbers short enough to send: a float, or nested lists of them."""
    return np.round(np.asarray(values, "float64"), DIGITS).tolist()
